/** The right of the console: the complaint, written while talking and saved as it is typed. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Telling, Topic } from "../api/types";
import { explain, label, timeOfDay, word, words } from "../i18n";
import type { SaveState } from "../lib/autosave";
import { caseNumber, pin } from "../lib/format";
import { attempt, tell } from "../shell/notices";
import { More } from "./More";
import {
  CASE_FIELDS,
  type CaseAutosave,
  type CaseField,
  type ConsoleStore,
  type Kept,
} from "./store";

/** What the server takes, in characters. */
const LONGEST: Record<CaseField, number> = {
  topic: 80,
  reporter_name: 200,
  employer: 200,
  narrative: 20_000,
};

interface Props {
  store: ConsoleStore;
  topics: Topic[];
}

export function CasePanel({ store, topics }: Props) {
  const t = words.value.console;
  const writing = store.writing.value;
  const other = writing?.others.find((save) => save.stored.value.number === store.shown.value);
  return (
    <section class="panel case-panel" id="case-panel" tabIndex={-1} aria-label={t.casePanel}>
      {writing === null && store.kept.value !== null ? (
        <KeptNotes store={store} kept={store.kept.value} />
      ) : writing === null ? (
        <p class="nothing">{t.noCase}</p>
      ) : (
        <>
          <Matters store={store} saves={[writing.save, ...writing.others]} />
          <CaseForm
            key={other?.stored.value.number ?? writing.call}
            save={other ?? writing.save}
            topics={topics}
            inWriting={other === undefined && <InWriting store={store} />}
          />
          <More store={store} save={other ?? writing.save} />
        </>
      )}
    </section>
  );
}

/** The cases of a call that is about more than one matter, and a button for one more: always there,
 * so that the form does not move under the writing hand. */
function Matters({ store, saves }: { store: ConsoleStore; saves: CaseAutosave[] }) {
  const t = words.value.form;
  const talking = store.live.document.value?.call?.state === "talking";
  return (
    <section class="matters" aria-label={t.matters}>
      {saves.length > 1 &&
        saves.map((save, place) => {
          const { number } = save.stored.value;
          const own = place === 0;
          return (
            <button
              key={number}
              type="button"
              aria-pressed={own ? store.shown.value === null : store.shown.value === number}
              onClick={() => {
                store.shown.value = own ? null : number;
              }}
            >
              {caseNumber(number)}
            </button>
          );
        })}
      <button type="button" disabled={!talking} onClick={() => void store.another()}>
        {t.another}
      </button>
    </section>
  );
}

interface FormProps {
  save: CaseAutosave;
  topics: Topic[];
  inWriting: ComponentChildren;
}

function CaseForm({ save, topics, inWriting }: FormProps) {
  const t = words.value.form;
  const narrative = useRef<HTMLTextAreaElement>(null);
  const stored = save.stored.value;
  const form = save.form.value;
  // The agent has just answered and wants to write; focus somewhere else is left alone.
  useEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body) {
      narrative.current?.focus({ preventScroll: true });
    }
  }, []);
  const field = (name: CaseField) => ({
    name,
    value: form[name],
    maxLength: LONGEST[name],
    onInput: (event: Event) => save.edit(name, (event.target as HTMLInputElement).value),
  });
  return (
    <form class="case-form" onSubmit={(event) => event.preventDefault()}>
      <div class="case-head">
        <dl>
          <dt>{t.number}</dt>
          <dd class="spoken">{caseNumber(stored.number)}</dd>
        </dl>
        <dl>
          <dt>{t.pin}</dt>
          <dd class={stored.pin === null ? "quiet-text" : "spoken"}>
            {stored.pin === null ? t.pinGiven : pin(stored.pin)}
          </dd>
        </dl>
        <dl class="case-status">
          <dt>{t.status}</dt>
          <dd>{word(words.value.cases.statuses, stored.status)}</dd>
          <dd>
            <a href={`/cases/${stored.number}`} target="_blank" rel="noopener">
              {t.look}
            </a>
          </dd>
        </dl>
        {inWriting}
        <SaveLine state={save.state.value} />
      </div>
      <Conflicts save={save} />
      <div class="case-fields">
        <label class="field">
          <span>{t.topic}</span>
          <select
            name="topic"
            value={form.topic}
            onChange={(event) => save.edit("topic", event.currentTarget.value)}
          >
            {form.topic === "" && <option value="">{t.noTopic}</option>}
            {topics.map((topic) => (
              <option key={topic.code} value={topic.code}>
                {label(topic.label)}
              </option>
            ))}
            {form.topic !== "" && !topics.some((topic) => topic.code === form.topic) && (
              <option value={form.topic}>{form.topic}</option>
            )}
          </select>
        </label>
        <label class="field">
          <span>{t.reporter}</span>
          <input {...field("reporter_name")} autocomplete="off" placeholder={t.reporterHint} />
        </label>
        <label class="field">
          <span>{t.employer}</span>
          <input {...field("employer")} autocomplete="off" />
        </label>
      </div>
      <label class="field grow">
        <span>{t.narrative}</span>
        <textarea ref={narrative} {...field("narrative")} placeholder={t.narrativeHint} />
      </label>
    </form>
  );
}

/** The number to the caller's telephone: the buttons, then in their place what became of it. */
function InWriting({ store }: { store: ConsoleStore }) {
  const t = words.value.inWriting;
  const telling = store.telling.value;
  if (telling === null) return null;
  const { channels } = telling;
  return (
    <dl class="case-message">
      <dt>{t.title}</dt>
      <dd>
        {channels.map((channel) => (
          <button
            key={channel}
            type="button"
            disabled={store.sending.value}
            aria-label={t.send(word(t.channels, channel))}
            onClick={() => void store.sendNumber(channel)}
          >
            {word(t.channels, channel)}
          </button>
        ))}
        <span role="status" class={channels.length === 0 ? "" : "quiet-text"}>
          {became(telling)}
        </span>
      </dd>
    </dl>
  );
}

function became({ latest }: Telling): string {
  const t = words.value.inWriting;
  if (latest === null) return "";
  const how =
    latest.reason === null ? word(t.states, latest.state) : word(t.reasons, latest.reason);
  return `${word(t.channels, latest.channel)}: ${how}`;
}

function SaveLine({ state }: { state: SaveState }) {
  return (
    <p
      class={`save-line ${state.kind === "clean" && state.at === null ? "" : state.kind}`}
      role="status"
    >
      {saveText(state)}
    </p>
  );
}

function saveText(state: SaveState): string {
  const t = words.value.form;
  switch (state.kind) {
    case "clean":
      return state.at === null ? t.empty : `✓ ${t.saved(timeOfDay(state.at))}`;
    case "dirty":
      return t.dirty;
    case "saving":
      return t.saving;
    case "failed":
      return state.retry ? t.retrying : t.refused(explain(state.error));
    case "conflict":
      return t.conflict;
  }
}

function Conflicts({ save }: { save: CaseAutosave }) {
  const t = words.value.form;
  const names: Record<CaseField, string> = {
    topic: t.topic,
    reporter_name: t.reporter,
    employer: t.employer,
    narrative: t.narrative,
  };
  const entries = Object.entries(save.conflicts.value) as [CaseField, string][];
  if (entries.length === 0) return null;
  return (
    <div class="conflicts" role="alert">
      {entries.map(([name, theirs]) => (
        <div key={name} class="conflict">
          <p>
            <b>{names[name]}</b> – {t.theirs}:
          </p>
          <blockquote>{theirs === "" ? t.emptyText : theirs}</blockquote>
          <div class="pair">
            <button type="button" onClick={() => save.resolve(name, "mine")}>
              {t.keepMine}
            </button>
            <button type="button" onClick={() => save.resolve(name, "theirs")}>
              {t.takeTheirs}
            </button>
          </div>
        </div>
      ))}
    </div>
  );
}

/** Notes whose call ended while the server was away: never thrown away without being asked. */
function KeptNotes({ store, kept }: { store: ConsoleStore; kept: Kept }) {
  const t = words.value.form;
  const text = CASE_FIELDS.map((field) => kept.form[field])
    .filter((each) => each !== "")
    .join("\n");
  const copy = async () => {
    if (await attempt(() => navigator.clipboard.writeText(text))) tell(t.copied);
  };
  return (
    <div class="conflicts" role="alert">
      <p>
        <b>{t.kept(caseNumber(kept.number))}</b>
      </p>
      <p>{t.keptText}</p>
      <blockquote>{text}</blockquote>
      <div class="pair">
        <button type="button" onClick={() => void copy()}>
          {t.copy}
        </button>
        <button
          type="button"
          onClick={() => {
            store.kept.value = null;
          }}
        >
          {t.discard}
        </button>
      </div>
    </div>
  );
}
