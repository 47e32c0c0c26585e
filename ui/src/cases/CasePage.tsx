/** One case: what happened, which calls there were, and all that was done. */
import { useEffect, useState } from "preact/hooks";
import { ApiError, get } from "../api/http";
import type { CaseCall, CaseEvent, CaseView, Topic } from "../api/types";
import { dayAndTime, explain, label, word, words } from "../i18n";
import { caseNumber, duration } from "../lib/format";

export function CasePageView({ number }: { number: string }) {
  const { cases: t } = words.value;
  const [found, setFound] = useState<CaseView | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [topics, setTopics] = useState<Topic[]>([]);
  useEffect(() => {
    get<CaseView>(`/api/cases/${number}`).then(setFound, setProblem);
    get<Topic[]>("/api/topics").then(setTopics, () => setTopics([]));
  }, [number]);
  useEffect(() => {
    document.title = `${caseNumber(number)} – ${t.title}`;
  });
  return (
    <div class="case-page">
      <p class="back">
        <a href="/cases">← {t.back}</a>
      </p>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem instanceof ApiError && problem.status === 404 ? t.notFound : explain(problem)}
        </p>
      )}
      {found && <Found found={found} topics={topics} />}
    </div>
  );
}

function Found({ found, topics }: { found: CaseView; topics: Topic[] }) {
  const { cases: t, form } = words.value;
  const topic = topics.find((each) => each.code === found.topic);
  const topicText = topic ? label(topic.label) : found.topic || "–";
  return (
    <>
      <div class="page-head">
        <h1 class="digits">{caseNumber(found.number)}</h1>
        <span class={`status ${found.status}`}>{word(t.statuses, found.status)}</span>
        <span>{topicText}</span>
      </div>
      <p class="notice-line">{t.notice}</p>
      <div class="case-grid">
        <section class="panel">
          <h2>{t.narrative}</h2>
          <p class="narrative">{found.narrative || t.noNarrative}</p>
          <dl class="facts">
            <dt>{t.reporter}</dt>
            <dd>{found.name || t.anonymous}</dd>
            <dt>{form.employer}</dt>
            <dd>{found.employer || t.unknown}</dd>
            <dt>{t.custodian}</dt>
            <dd>{found.custodian ?? t.nobody}</dd>
            <dt>{t.opened}</dt>
            <dd>{dayAndTime(found.opened_at)}</dd>
            <dt>{t.updated}</dt>
            <dd>{dayAndTime(found.updated_at)}</dd>
          </dl>
        </section>
        <section class="panel">
          <h2>{t.calls}</h2>
          <ul class="events narrow">
            {(found.calls ?? []).map((call) => (
              <CallLine key={call.id} call={call} />
            ))}
          </ul>
          {found.recordings && found.recordings.length > 0 && (
            <>
              <h2>{t.recordings}</h2>
              <ul class="events narrow">
                {found.recordings.map((recording) => (
                  <li key={recording.name}>
                    <time>{dayAndTime(recording.at)}</time>
                    <div>
                      <span>{t.recording(duration(recording.seconds * 1000))}</span>
                      {/* biome-ignore lint/a11y/useMediaCaption: a message that somebody spoke has no captions */}
                      <audio
                        controls
                        preload="none"
                        src={`/api/cases/${found.number}/recordings/${encodeURIComponent(recording.name)}`}
                      />
                    </div>
                  </li>
                ))}
              </ul>
            </>
          )}
        </section>
        <section class="panel timeline">
          <History events={found.timeline ?? []} topics={topics} />
        </section>
      </div>
    </>
  );
}

/** How a call found its agent; who reads a case seldom wants to know. */
const PHONE_STEPS: ReadonlySet<string> = new Set([
  "call_arrived",
  "call_ended",
  "language_chosen",
  "topic_chosen",
  "queued",
  "requeued",
  "offered",
  "offer_rang",
  "accepted",
  "declined",
  "offer_timed_out",
  "offer_withdrawn",
  "node_failed",
  "limit_crossed",
]);

function History({ events, topics }: { events: CaseEvent[]; topics: Topic[] }) {
  const t = words.value.cases;
  const [all, setAll] = useState(false);
  // The server tells them in order; the newest is shown first.
  const shown = events.filter((event) => all || !PHONE_STEPS.has(event.kind)).reverse();
  return (
    <>
      <div class="panel-head">
        <h2>{t.timeline}</h2>
        <label class="check">
          <input
            type="checkbox"
            checked={all}
            onChange={(event) => setAll(event.currentTarget.checked)}
          />
          {t.allSteps}
        </label>
      </div>
      <ol class="events">
        {shown.map((event, i) => (
          <EventLine key={`${event.at}-${event.kind}-${i}`} event={event} topics={topics} />
        ))}
      </ol>
    </>
  );
}

function CallLine({ call }: { call: CaseCall }) {
  const t = words.value.cases;
  const parts = [
    word(t.lines, call.line),
    call.lasted_s === null ? t.ongoing : `${t.lasted} ${duration(call.lasted_s * 1000)}`,
    call.agent ?? "",
  ];
  return (
    <li>
      <time>{dayAndTime(call.at)}</time>
      <span>{word(t.callRoles, call.role)}</span>
      <span class="quiet-text">{parts.filter((part) => part !== "").join(" · ")}</span>
    </li>
  );
}

function EventLine({ event, topics }: { event: CaseEvent; topics: Topic[] }) {
  const t = words.value.cases;
  const details = Object.entries(event.data)
    .filter(([name]) => name in t.dataNames) // what has no words is for machines
    .map(([name, value]) => `${word(t.dataNames, name)}: ${detail(name, String(value), topics)}`);
  return (
    <li>
      <time>{dayAndTime(event.at)}</time>
      <span>
        {word(t.events, event.kind)}{" "}
        {event.by !== null && (
          <span class="quiet-text">
            {t.by} {event.by}
          </span>
        )}
      </span>
      <span class="quiet-text">{details.join(" · ")}</span>
    </li>
  );
}

/** Codes in words, where we have them. */
function detail(name: string, value: string, topics: Topic[]): string {
  const { cases: t, form, inWriting, language } = words.value;
  const fields: Record<string, string> = {
    ...t.reporterFields,
    topic: form.topic,
    reporter_name: form.reporter,
    employer: form.employer,
    narrative: form.narrative,
  };
  switch (name) {
    case "topic": {
      const topic = topics.find((each) => each.code === value);
      return topic ? label(topic.label) : value;
    }
    case "fields":
      return value
        .split(",")
        .map((field) => word(fields, field))
        .join(", ");
    case "seconds":
      return duration(Number(value) * 1000);
    case "waited_ms":
    case "talked_ms":
    case "lasted_ms":
      return duration(Number(value));
    case "role":
      return word(t.callRoles, value);
    case "status":
      return word(t.statuses, value);
    case "language":
      return word(language, value);
    case "line":
      return word(t.lines, value);
    case "channel":
      return word(inWriting.channels, value);
    case "reason":
      return word({ ...t.values, ...inWriting.reasons }, value);
    case "state":
      return word(inWriting.states, value);
    default:
      return word(t.values, value);
  }
}
