/** Changing what is written down of a case. What others changed meanwhile is shown beside it. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import type { CaseFile } from "../api/types";
import { words } from "../i18n";
import { sendsForm } from "../lib/keys";
import type { Ask } from "./Actions";
import { useDraft } from "./drafts";
import { Fields } from "./Fields";
import { Cancel } from "./Small";
import { Trouble } from "./Trouble";
import { changeable, stands, type Typed, type TypedName, written } from "./writing";

/** `begun`: the day on which a period of the law began, by its code. */
interface Draft {
  version: number;
  typed: Partial<Typed>;
  begun: Record<string, string>;
}

interface Props {
  file: CaseFile;
  ask: Ask;
  close: () => void;
}

export function Edit({ file, ask, close }: Props) {
  const t = words.value.desk.edit;
  const version = file.version ?? 1;
  const names = changeable(file);
  const [draft, setDraft] = useDraft<Draft>(`${file.number}/edit`, {
    version,
    typed: {},
    begun: {},
  });
  const [trouble, setTrouble] = useState<unknown>(null);
  const [anonymous, setAnonymous] = useState(false);
  const [copy, setCopy] = useState(true);
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    form.current?.querySelector<HTMLElement>("select, input, textarea")?.focus();
  }, []);

  // A draft from before somebody looked elsewhere is of the version that was seen then: saving it
  // tells what changed since. What changes while it is open has been told, or is one's own.
  const seen = useRef(version);
  useEffect(() => {
    if (seen.current !== version && isTyped(draft)) {
      setDraft({ ...draft, version });
    }
    seen.current = version;
  }, [version]);

  const before = stands(file);
  const body = written(draft.typed, before, file.phones);
  if (anonymous) body.anonymous = true;
  const begun = Object.entries(draft.begun).filter(([code, on]) => on !== beganOn(file, code));
  if (begun.length > 0) {
    body.statutes = Object.fromEntries(begun);
    if (file.gathers) body.copy = copy;
  }
  const nothing = Object.keys(body).length === 0;
  const change = (part: Partial<Draft>) =>
    setDraft({ ...draft, version: isTyped(draft) ? draft.version : version, ...part });
  const edit = (name: TypedName, value: string | boolean) =>
    change({ typed: { ...draft.typed, [name]: value } });
  const take = (name: TypedName) => {
    const typed = { ...draft.typed };
    delete typed[name];
    setDraft(isTyped({ ...draft, typed }) ? { ...draft, typed } : null);
  };
  const cancel = () => {
    setDraft(null);
    close();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const from = isTyped(draft) ? draft.version : version;
    const why = nothing ? null : await ask("", { ...body, version: from }, "PUT");
    setTrouble(why);
    if (why === null) cancel();
  };
  return (
    <form
      ref={form}
      class="edit-form"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape" && nothing) cancel();
        else sendsForm(event);
      }}
    >
      <h2>{t.title}</h2>
      <Fields
        values={{ ...before, ...draft.typed }}
        names={names}
        edit={edit}
        theirs={both(trouble, draft.typed)}
        take={take}
      />
      {file.may.secrecy === "change" && file.anonymous === false && (
        <div>
          <label class="check">
            <input
              type="checkbox"
              name="anonymous"
              checked={anonymous}
              onChange={(event) => setAnonymous(event.currentTarget.checked)}
            />
            {t.makeAnonymous}
          </label>
          {anonymous && <p class="problem">{t.anonymousWarning}</p>}
        </div>
      )}
      {names.includes("topic") && (
        <Periods
          file={file}
          begun={draft.begun}
          edit={(code, on) => change({ begun: { ...draft.begun, [code]: on } })}
          copy={copy}
          setCopy={setCopy}
        />
      )}
      <Trouble error={trouble} />
      <div class="form-end">
        <button type="submit" class="primary" disabled={nothing}>
          {t.save} <kbd>Ctrl Enter</kbd>
        </button>
        <Cancel nothing={nothing} cancel={cancel} />
        {nothing && <span class="quiet-text">{t.nothing}</span>}
      </div>
    </form>
  );
}

const isTyped = (draft: Draft): boolean =>
  Object.keys(draft.typed).length + Object.keys(draft.begun).length > 0;

const beganOn = (file: CaseFile, code: string): string =>
  file.statutes?.find((one) => one.code === code)?.on ?? "";

interface PeriodsProps {
  file: CaseFile;
  begun: Readonly<Record<string, string>>;
  edit: (code: string, on: string) => void;
  /** Whether they go to the cases joined under this one, too. */
  copy: boolean;
  setCopy: (copy: boolean) => void;
}

/** The periods that a law gives: on which day each began. Few cases have any. */
function Periods({ file, begun, edit, copy, setCopy }: PeriodsProps) {
  const { file: t, note } = words.value.desk;
  return (
    <details>
      <summary>{t.statutesBegan}</summary>
      <div class="case-fields">
        {Object.entries(t.statutes).map(([code, name]) => (
          <label key={code} class="field">
            <span>{name}</span>
            <input
              type="date"
              name={`began_${code}`}
              value={begun[code] ?? beganOn(file, code)}
              onInput={(event) => edit(code, event.currentTarget.value)}
            />
          </label>
        ))}
      </div>
      {file.gathers && (
        <label class="check">
          <input
            type="checkbox"
            name="copy"
            checked={copy}
            onChange={(event) => setCopy(event.currentTarget.checked)}
          />
          {note.copy}
        </label>
      )}
    </details>
  );
}

/** The fields that I typed into and others wrote, with what they wrote last. */
function both(
  error: unknown,
  typed: Partial<Typed>,
): Partial<Record<TypedName, { by: string; value: unknown }>> {
  if (!(error instanceof ApiError)) return {};
  const found: Partial<Record<TypedName, { by: string; value: unknown }>> = {};
  for (const change of error.changes) {
    for (const [name, [, value]] of Object.entries(change.fields)) {
      if (!(name in typed)) continue;
      found[name as TypedName] = {
        by: change.by ?? words.value.desk.stale.somebody,
        value,
      };
    }
  }
  return found;
}
