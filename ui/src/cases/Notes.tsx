/** A note beside a case: among ourselves, for the unit, or what the reporter is told. */
import { useState } from "preact/hooks";
import type { CaseFile } from "../api/types";
import { word, words } from "../i18n";
import { sendsForm } from "../lib/keys";
import { announce } from "../shell/notices";
import type { Ask } from "./Actions";
import { useDraft } from "./drafts";
import { Trouble } from "./Trouble";

/** Kind → what has to be changeable. */
const KINDS: [kind: string, group: string, most: number][] = [
  ["internal", "notes", 4_000],
  ["public", "public", 500],
  ["to_unit", "notes", 4_000],
  ["contact", "notes", 4_000],
];

export function Notes({ file, ask }: { file: CaseFile; ask: Ask }) {
  const t = words.value.desk.note;
  const kinds = KINDS.filter(([, group]) => file.may[group] === "change");
  const [typed, setTyped] = useDraft(`${file.number}/note`, {
    kind: kinds[0]?.[0] ?? "",
    text: "",
    copy: false,
  });
  const [trouble, setTrouble] = useState<unknown>(null);
  const [done, setDone] = useState(false);
  if (kinds.length === 0) return null;
  const edit = (change: Partial<typeof typed>) => {
    setTyped({ ...typed, ...change });
    setDone(false);
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const copy = typed.copy && typed.kind === "public" && file.gathers === true;
    const why = await ask("notes", { kind: typed.kind, text: typed.text, copy });
    setTrouble(why);
    setDone(why === null);
    if (why !== null) return;
    setTyped(null);
    announce(t.saved);
  };
  const most = kinds.find(([kind]) => kind === typed.kind)?.[2];
  return (
    <form
      class="panel note-form"
      onSubmit={submit}
      onKeyDown={(event) => {
        // Out of the field, so that keys are shortcuts again; what is typed stays.
        if (event.key === "Escape") (event.target as HTMLElement).blur();
        else sendsForm(event);
      }}
    >
      <div class="panel-head">
        <h2>
          {t.title} <kbd>N</kbd>
        </h2>
        <label class="note-kind">
          <span class="unseen">{t.kind}</span>
          <select
            name="kind"
            value={typed.kind}
            onChange={(event) => edit({ kind: event.currentTarget.value })}
          >
            {kinds.map(([kind]) => (
              <option key={kind} value={kind}>
                {word(t.kinds, kind)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="explain">{word(t.explain, typed.kind)}</p>
      <textarea
        id="note-text"
        name="text"
        aria-label={t.text}
        rows={4}
        required
        maxLength={most}
        value={typed.text}
        onInput={(event) => edit({ text: event.currentTarget.value })}
      />
      {typed.kind === "public" && file.gathers && (
        <label class="check">
          <input
            type="checkbox"
            checked={typed.copy}
            onChange={(event) => edit({ copy: event.currentTarget.checked })}
          />
          {t.copy}
        </label>
      )}
      <div class="form-end">
        <button type="submit">
          {t.save} <kbd>Ctrl Enter</kbd>
        </button>
        {trouble === null && (
          <span class="good-text" role="status">
            {done ? t.saved : ""}
          </span>
        )}
      </div>
      <Trouble error={trouble} />
    </form>
  );
}
