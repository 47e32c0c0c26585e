/** All that was done to a case, and the calls about it. */
import { useState } from "preact/hooks";
import type { CaseCall, CaseEvent } from "../api/types";
import { dayAndTime, word, words } from "../i18n";
import { duration } from "../lib/format";
import { bodyName, topicLabel, unitName } from "./known";

/** How a call found its agent, and who read: of the record, but who works on a case seldom asks. */
const ASIDE: ReadonlySet<string> = new Set([
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
  "case_read",
  "attachment_read",
]);

/** What was filed is filed again when the agent wraps up: no news. */
const isOnceMore = ({ kind, data }: CaseEvent): boolean =>
  kind === "case_moved" && data.event === "file" && data.was === data.status;

export function History({ events }: { events: CaseEvent[] }) {
  const t = words.value.cases;
  const [all, setAll] = useState(false);
  // The server tells them in order; the newest is shown first.
  const shown = events.filter((event) => all || !(ASIDE.has(event.kind) || isOnceMore(event)));
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
        {shown.reverse().map((event, i) => (
          <EventLine key={`${event.at}-${event.kind}-${i}`} event={event} />
        ))}
      </ol>
    </>
  );
}

/** What a line says already, or the line beside it. */
const UNSAID: Readonly<Record<string, readonly string[]>> = {
  case_moved: ["status", "unit"],
  case_opened: ["status", "unit"],
};

function EventLine({ event }: { event: CaseEvent }) {
  const t = words.value.cases;
  const hidden = UNSAID[event.kind] ?? [];
  const details = Object.entries(event.data)
    // What has no words is for machines.
    .filter(([name, value]) => name in t.dataNames && !hidden.includes(name) && value !== "")
    .map(([name, value]) => `${word(t.dataNames, name)}: ${detail(event.kind, name, value)}`);
  return (
    <li class={event.kind === "case_moved" ? "moved" : ""}>
      <time>{dayAndTime(event.at)}</time>
      <span>
        {event.kind === "case_moved"
          ? word(t.statuses, String(event.data.status))
          : word(t.events, event.kind)}{" "}
        {event.by !== null && (
          <span class="quiet-text">
            {t.by} {event.by}
          </span>
        )}
      </span>
      <span class="quiet-text">{details.join(" · ")}</span>
      {event.text && <blockquote>{event.text}</blockquote>}
    </li>
  );
}

export function CallLine({ call }: { call: CaseCall }) {
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

/** Codes in words, where we have them. */
function detail(kind: string, name: string, value: string | number | boolean): string {
  const { cases: t, form, inWriting, language, desk } = words.value;
  const code = String(value);
  switch (name) {
    case "topic":
      return topicLabel(code);
    case "unit":
    case "better":
      return unitName(code);
    case "body":
    case "target":
      return bodyName(code);
    case "fields": {
      const names = { ...desk.file.fields, ...t.reporterFields, reporter_name: form.reporter };
      return code
        .split(",")
        .map((field) => word(names, field))
        .join(", ");
    }
    case "seconds":
      return duration(Number(value) * 1000);
    case "waited_ms":
    case "talked_ms":
    case "lasted_ms":
      return duration(Number(value));
    case "due":
      return dayAndTime(Number(value));
    case "role":
      return word(t.callRoles, code);
    case "status":
      return word(t.statuses, code);
    case "to":
      return word(desk.file.levels, code);
    case "clock":
      return word(desk.file.clockKinds, code);
    case "wait":
      return word(desk.waits, code);
    case "kind":
      return word({ ...desk.note.kinds, glass: desk.glass.title }, code);
    case "language":
      return word(language, code);
    case "line":
      return word(t.lines, code);
    case "channel":
      return word(kind === "case_opened" ? desk.channels : inWriting.channels, code);
    case "outcome":
      return word(kind === "case_moved" ? desk.outcomes : t.values, code);
    case "state":
      return word(inWriting.states, code);
    case "reason":
      if (kind === "glass_broken") return word(desk.glass.emergencies, code);
      return word({ ...t.values, ...inWriting.reasons, ...desk.act.reasons }, code);
    default:
      return word({ ...t.values, ...desk.file.statutes }, code);
  }
}
