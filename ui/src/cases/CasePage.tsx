/** One case: what happened, what may be done now, and all that was done. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, request } from "../api/http";
import type { CaseFile, CaseRecording } from "../api/types";
import { dayAndTime, explain, timeOfDay, word, words } from "../i18n";
import { caseNumber, duration } from "../lib/format";
import { useShortcuts } from "../lib/keys";
import { navigate } from "../shell/router";
import { me } from "../shell/session";
import { Actions, type Ask } from "./Actions";
import { Attachments } from "./Attachments";
import { Edit } from "./Edit";
import { Facts, Limits, Ways } from "./Facts";
import { Glass } from "./Glass";
import { CallLine, History } from "./History";
import { lastList, topicLabel, units, useDesk, useKnown } from "./known";
import { Notes } from "./Notes";
import { Related } from "./Related";
import { Due, Shortcuts } from "./Small";

export function CasePageView({ number }: { number: string }) {
  const { cases: t, desk } = words.value;
  const { file, problem, ask } = useFile(number);
  const known = useKnown();
  useEffect(() => {
    document.title = `${caseNumber(number)} – ${t.title}`;
  });
  useShortcuts({ l: () => navigate(lastList.value) });
  const missing = problem instanceof ApiError && problem.status === 404;
  return (
    <div class="case-page">
      <p class="back">
        <a href={lastList.value}>← {t.back}</a>
      </p>
      {problem !== null && (
        <p class="problem" role="alert">
          {missing ? t.notFound : explain(problem)}
        </p>
      )}
      {missing && <OutOfSight ask={ask} />}
      {known &&
        file !== null &&
        (file.status === undefined ? (
          <>
            <h1 class="digits">{caseNumber(number)}</h1>
            <p class="notice-line" role="status">
              {desk.gone}
            </p>
          </>
        ) : (
          <Found file={file} ask={ask} />
        ))}
    </div>
  );
}

/** The case, and how something is done to it: the answer is the case as it is then. */
function useFile(number: string): { file: CaseFile | null; problem: unknown; ask: Ask } {
  const [file, setFile] = useState<CaseFile | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const path = `/api/cases/${number}`;
  const take = (found: CaseFile) => {
    setFile(found);
    setProblem(null);
  };
  // Each reading is put on record: once.
  useEffect(() => {
    get<CaseFile>(path).then(take, setProblem);
  }, [number]);
  const send: Ask = async (what, body, method = "POST") => {
    try {
      take(await request<CaseFile>(method, what === "" ? path : `${path}/${what}`, body));
      return null;
    } catch (error) {
      // Others were quicker: what is shown must be what there is.
      if (error instanceof ApiError && error.status === 409) {
        await get<CaseFile>(path).then(take, () => undefined);
      }
      return error;
    }
  };
  // A second click while the first is under way is the same wish.
  const under = useRef(new Map<string, Promise<unknown>>());
  const ask: Ask = (what, body, method) => {
    const key = JSON.stringify([what, body]);
    const same = under.current.get(key);
    if (same !== undefined) return same;
    const sent = send(what, body, method).finally(() => under.current.delete(key));
    under.current.set(key, sent);
    return sent;
  };
  return { file, problem, ask };
}

/** Who may have to press a unit for an answer: everybody but the unit itself. */
const OWES = ["routed", "in_progress", "waiting"];

/** Shortcuts of who may write. */
const WRITING = [
  ["1–9", "act"],
  ["N", "note"],
  ["E", "edit"],
  ["Ctrl Enter", "send"],
  ["Esc", "cancel"],
] as const;

/** For those who may open what is closed to them; to others it would promise what never is. */
function OutOfSight({ ask }: { ask: Ask }) {
  const desk = useDesk();
  if (me.value?.account.role !== "supervisor" && desk?.unit !== units.value.triage) return null;
  return (
    <div class="out-of-sight">
      <p class="explain">{words.value.desk.glass.ifNeeded}</p>
      <Glass ask={ask} />
    </div>
  );
}

function Found({ file, ask }: { file: CaseFile; ask: Ask }) {
  const { cases: t, desk: all } = words.value;
  const [editing, setEditing] = useState(false);
  const desk = useDesk();
  const { triage } = units.value;
  const role = me.value?.account.role;
  // An agent reads it out to a caller; what they write is written in the console.
  const reads = role === "agent";
  const changes =
    !reads &&
    ["public", "notes", "employer", "narrative", "name", "phones"].some(
      (group) => file.may[group] === "change",
    );
  const sees = (group: string) => group in file.may;
  const presses =
    OWES.includes(file.status ?? "") &&
    (role === "supervisor" || (desk?.unit === triage && file.unit !== triage));
  const hides = file.anonymous === false && !sees("name") && role !== "admin";
  useShortcuts({
    n: () => document.getElementById("note-text")?.focus(),
    e: changes && !editing ? () => setEditing(true) : undefined,
  });
  return (
    <>
      <div class="page-head">
        <h1 class="digits">{caseNumber(file.number)}</h1>
        <span class={`status ${file.status}`}>{word(t.statuses, file.status ?? "")}</span>
        {file.wait && <span>{word(all.waits, file.wait)}</span>}
        <span>{topicLabel(file.topic)}</span>
        {file.due_at && (
          <span>
            {all.due}: <Due due={file.due_at} late={file.late_days ?? 0} />
          </span>
        )}
        <Flags file={file} />
      </div>
      <p class="notice-line">
        {file.opened_until ? all.glass.until(timeOfDay(file.opened_until)) : t.notice}
      </p>
      <div class="case-grid">
        <div class="case-column">
          <section class="panel" aria-label={t.narrative}>
            {editing ? (
              <Edit file={file} ask={ask} close={() => setEditing(false)} />
            ) : (
              <>
                <div class="panel-head">
                  <h2>{t.narrative}</h2>
                  {changes && (
                    <button type="button" class="quiet" onClick={() => setEditing(true)}>
                      {all.edit.button} <kbd>E</kbd>
                    </button>
                  )}
                </div>
                <p class="narrative">
                  {sees("narrative") ? file.narrative || t.noNarrative : all.hidden}
                </p>
                <Facts file={file} />
              </>
            )}
          </section>
          {hides && <Glass ask={ask} />}
          {file.timeline && (
            <section class="panel timeline">
              <History events={file.timeline} />
            </section>
          )}
        </div>
        <div class="case-column">
          {!reads && <Actions file={file} desk={desk} presses={presses} ask={ask} />}
          {!reads && <Notes file={file} ask={ask} />}
          <Limits file={file} />
          <Ways file={file} />
          {!reads && <Related file={file} ask={ask} />}
          {sees("attachments") && (
            <Attachments
              file={file}
              ask={ask}
              changes={!reads && file.may.attachments === "change"}
            />
          )}
          {(sees("history") || sees("recordings")) && <Calls file={file} />}
        </div>
      </div>
      <Shortcuts
        keys={[
          ...(reads ? [] : WRITING.map(([key, name]) => [key, all.keys[name]] as const)),
          ["L", all.keys.back],
        ]}
      />
    </>
  );
}

function Flags({ file }: { file: CaseFile }) {
  const { flags, compartments } = words.value.desk;
  const shown = [
    file.compartment && file.compartment !== "normal" && word(compartments, file.compartment),
    file.secret && flags.secret,
    file.anonymous && flags.anonymous,
    file.gathers && flags.gathers,
    file.minor && flags.minor,
    file.priority && flags.priority(file.priority),
  ].filter((text): text is string => typeof text === "string" && text !== "");
  return (
    <span class="flags">
      {shown.map((text) => (
        <span key={text} class="tag">
          {text}
        </span>
      ))}
    </span>
  );
}

function Calls({ file }: { file: CaseFile }) {
  const t = words.value.cases;
  const calls = file.calls ?? [];
  const recordings = file.recordings ?? [];
  if (calls.length === 0 && recordings.length === 0) return null;
  return (
    <section class="panel">
      {calls.length > 0 && <h2>{t.calls}</h2>}
      <ul class="events narrow">
        {calls.map((call) => (
          <CallLine key={call.id} call={call} />
        ))}
      </ul>
      {recordings.length > 0 && <h2>{t.recordings}</h2>}
      <ul class="events narrow">
        {recordings.map((recording) => (
          <Recording key={recording.name} number={file.number} recording={recording} />
        ))}
      </ul>
    </section>
  );
}

function Recording({ number, recording }: { number: string; recording: CaseRecording }) {
  const t = words.value.cases;
  return (
    <li>
      <time>{dayAndTime(recording.at)}</time>
      <div>
        <span>{t.recording(duration(recording.seconds * 1000))}</span>
        {/* biome-ignore lint/a11y/useMediaCaption: a message that somebody spoke has no captions */}
        <audio
          controls
          preload="none"
          src={`/api/cases/${number}/recordings/${encodeURIComponent(recording.name)}`}
        />
      </div>
    </li>
  );
}
