/** A complaint without a call: somebody came, or wrote. Number and PIN are shown once. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { post } from "../api/http";
import { words } from "../i18n";
import { caseNumber, pin } from "../lib/format";
import { sendsForm, useShortcuts } from "../lib/keys";
import { navigate } from "../shell/router";
import { useDraft } from "./drafts";
import { Fields } from "./Fields";
import { lastList, useKnown } from "./known";
import { Trouble } from "./Trouble";
import { EMPTY, NAMES, opening, type Typed, type TypedName } from "./writing";

interface Opened {
  number: string;
  pin: string;
}

/** Those of the reporter: nothing is kept of who wants to be anonymous. */
const PERSONAL: readonly TypedName[] = [
  "name",
  "phone",
  "shared",
  "minor",
  "may_message",
  "may_call",
  "safe_from",
  "safe_until",
  "call_from",
  "call_until",
];
const PLAIN = NAMES.filter((name) => !PERSONAL.includes(name) && name !== "summary");

interface Draft {
  channel: string;
  typed: Partial<Typed>;
  language: "id" | "en";
  anonymous: boolean;
  gathers: boolean;
}

export function Intake() {
  const { desk, app } = words.value;
  const [opened, setOpened] = useState<Opened | null>(null);
  useEffect(() => {
    document.title = `${desk.intakePage.title} – ${app.name}`;
  });
  const known = useKnown();
  return (
    <div class="case-page">
      <p class="back">
        <a href={lastList.value}>← {words.value.cases.back}</a>
      </p>
      {opened === null ? (
        known && <IntakeForm done={setOpened} />
      ) : (
        <Told opened={opened} again={() => setOpened(null)} />
      )}
    </div>
  );
}

function IntakeForm({ done }: { done: (opened: Opened) => void }) {
  const { desk, language } = words.value;
  const t = desk.intakePage;
  const [draft, setDraft] = useDraft<Draft>("new", {
    channel: "",
    typed: {},
    language: "id",
    anonymous: false,
    gathers: false,
  });
  const [trouble, setTrouble] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    form.current?.querySelector("select")?.focus();
  }, []);
  const values = { ...EMPTY, ...draft.typed };
  const named = !draft.anonymous && !draft.gathers;
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy) return; // a case more would be a number more
    const typed = Object.fromEntries(
      Object.entries(draft.typed).filter(
        ([name]) => named || !PERSONAL.includes(name as TypedName),
      ),
    );
    const { channel, language, anonymous, gathers } = draft;
    const body = { ...opening(typed, named), channel, language, anonymous, gathers };
    setBusy(true);
    try {
      const opened = await post<Opened>("/api/cases", body);
      setDraft(null);
      done(opened);
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  return (
    <form ref={form} class="panel edit-form" onSubmit={submit} onKeyDown={sendsForm}>
      <h1>{t.title}</h1>
      <p class="explain">{t.intro}</p>
      <div class="case-fields">
        <label class="field">
          <span>{desk.channel}</span>
          <select
            name="channel"
            required
            value={draft.channel}
            onChange={(event) => change({ channel: event.currentTarget.value })}
          >
            {draft.channel === "" && <option value="">{desk.act.choose}</option>}
            {Object.entries(desk.channels).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Fields
        values={values}
        names={PLAIN}
        edit={(name, value) => change({ typed: { ...draft.typed, [name]: value } })}
      />
      <h2>{words.value.cases.reporter}</h2>
      <label class="check">
        <input
          type="checkbox"
          name="anonymous"
          checked={draft.anonymous}
          onChange={(event) => change({ anonymous: event.currentTarget.checked })}
        />
        {t.anonymous}
      </label>
      <label class="check">
        <input
          type="checkbox"
          name="gathers"
          checked={draft.gathers}
          onChange={(event) => change({ gathers: event.currentTarget.checked })}
        />
        {t.gathers}
      </label>
      {named && (
        <Fields
          values={values}
          names={PERSONAL}
          edit={(name, value) => change({ typed: { ...draft.typed, [name]: value } })}
        />
      )}
      <div class="case-fields">
        <label class="field">
          <span>{t.language}</span>
          <select
            name="language"
            value={draft.language}
            onChange={(event) => change({ language: event.currentTarget.value as "id" | "en" })}
          >
            {Object.entries(language).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Trouble error={trouble} />
      <div class="form-end">
        <button type="submit" class="primary" disabled={busy}>
          {t.save} <kbd>Ctrl Enter</kbd>
        </button>
      </div>
    </form>
  );
}

function Told({ opened, again }: { opened: Opened; again: () => void }) {
  const { desk, form } = words.value;
  const t = desk.intakePage;
  useShortcuts({ n: again, o: () => navigate(`/cases/${opened.number}`) });
  return (
    <section class="panel told" role="status">
      <h1>{t.done}</h1>
      <div class="case-head">
        <dl>
          <dt>{form.number}</dt>
          <dd class="spoken">{caseNumber(opened.number)}</dd>
        </dl>
        <dl>
          <dt>{form.pin}</dt>
          <dd class="spoken">{pin(opened.pin)}</dd>
        </dl>
      </div>
      <p class="notice-line">{t.once}</p>
      <div class="form-end">
        <a class="button" href={`/cases/${opened.number}`}>
          {t.open} <kbd>O</kbd>
        </a>
        <button type="button" onClick={again}>
          {t.another} <kbd>N</kbd>
        </button>
      </div>
    </section>
  );
}
