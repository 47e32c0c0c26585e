/** Changing what is written down of a case. What others changed meanwhile is shown beside it. */
import { useEffect, useRef, useState } from "preact/hooks";
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

interface Props {
  file: CaseFile;
  ask: Ask;
  close: () => void;
}

export function Edit({ file, ask, close }: Props) {
  const t = words.value.desk.edit;
  const version = file.version ?? 1;
  const names = changeable(file);
  const [draft, setDraft] = useDraft<{ version: number; typed: Partial<Typed> }>(
    `${file.number}/edit`,
    { version, typed: {} },
  );
  const [trouble, setTrouble] = useState<unknown>(null);
  const [anonymous, setAnonymous] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("select, input, textarea")?.focus();
  }, []);

  // A draft from before somebody looked elsewhere is of the version that was seen then: saving it
  // tells what changed since. What changes while it is open has been told, or is one's own.
  const seen = useRef(version);
  useEffect(() => {
    if (seen.current !== version && Object.keys(draft.typed).length > 0) {
      setDraft({ ...draft, version });
    }
    seen.current = version;
  }, [version]);

  const before = stands(file);
  const body = written(draft.typed, before, file.phones);
  if (anonymous) body.anonymous = true;
  const nothing = Object.keys(body).length === 0;
  const edit = (name: TypedName, value: string | boolean) =>
    setDraft({
      version: Object.keys(draft.typed).length > 0 ? draft.version : version,
      typed: { ...draft.typed, [name]: value },
    });
  const take = (name: TypedName) => {
    const typed = { ...draft.typed };
    delete typed[name];
    setDraft(Object.keys(typed).length === 0 ? null : { ...draft, typed });
  };
  const cancel = () => {
    setDraft(null);
    close();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const from = Object.keys(draft.typed).length > 0 ? draft.version : version;
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
      {file.may.name === "change" && file.anonymous === false && (
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
