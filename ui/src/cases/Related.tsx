/** Cases that belong together: what is known, what is suggested, merging and joining. */
import { useState } from "preact/hooks";
import { get, post } from "../api/http";
import type { CaseFile, Duplicates, LinkedCase } from "../api/types";
import { word, words } from "../i18n";
import { caseNumber, pin } from "../lib/format";
import type { Ask } from "./Actions";
import { topicLabel, unitName } from "./known";
import { Trouble } from "./Trouble";

interface Opened {
  number: string;
  pin: string;
}

/** What a suggestion shows: one reporter's, parents that there are, others without one, or what
 * could be joined under the case itself. */
type Kind = "same" | "person" | "parents" | "siblings" | "loose";

/** Of many reporters: never merged. */
const MANY: ReadonlySet<Kind> = new Set<Kind>(["parents", "siblings", "loose"]);

function kindOf(one: Duplicates["suggestions"][number], own: string): Kind {
  if (one.kind !== "mass") return one.kind;
  if (one.parent === null) return "siblings";
  return one.parent === own ? "loose" : "parents";
}

export function Related({ file, ask }: { file: CaseFile; ask: Ask }) {
  const t = words.value.desk.related;
  const [found, setFound] = useState<Duplicates | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [merging, setMerging] = useState<string | null>(null);
  const merges = file.can.some((one) => one.event === "merge");
  const joins = file.may.public === "change" && !file.gathers;
  const gathers = file.may.public === "change" && file.gathers === true;
  const linked = file.linked ?? [];
  const parent = linked.find((one) => one.what === "parent");

  const look = () =>
    get<Duplicates>(`/api/cases/${file.number}/duplicates`).then(setFound, setTrouble);
  const act = async (path: string, body: unknown) => {
    const why = await ask(path, body);
    setTrouble(why);
    if (why === null) setMerging(null);
    return why === null;
  };
  const [made, setMade] = useState<Opened | null>(null);
  const [busy, setBusy] = useState(false);
  /** A parent of what this case is about, and this case under it. */
  const makeParent = async () => {
    if (busy) return;
    setBusy(true);
    const { channel, topic, employer } = file;
    const province = file.province ?? undefined;
    const about = { channel, topic, employer, province, gathers: true };
    try {
      const opened = await post<Opened>("/api/cases", about);
      setMade(opened);
      await act("parent", { parent: opened.number });
    } catch (error) {
      setTrouble(error);
    }
    setBusy(false);
  };
  const joinHere = async (cases: LinkedCase[]) => {
    if (await act("children", { children: cases.map((one) => one.number) })) await look();
  };
  const suggested = new Set(
    found?.suggestions
      .flatMap((one) => (one.kind === "mass" ? [] : one.cases))
      .map((one) => one.number),
  );
  const asking = (number: string) => (
    <Merge
      number={number}
      merge={(same) =>
        void act("merge", { into: number, version: file.version, same_person: same })
      }
      cancel={() => setMerging(null)}
    />
  );
  const buttons = (one: LinkedCase, kind: Kind) => (
    <span class="row-buttons">
      {merges && !MANY.has(kind) && (
        <button type="button" class="quiet" onClick={() => setMerging(one.number)}>
          {t.merge}
        </button>
      )}
      {kind === "loose" && gathers && (
        <button type="button" class="quiet" onClick={() => void joinHere([one])}>
          {t.joinHere}
        </button>
      )}
      {joins && parent === undefined && kind !== "siblings" && (
        <button
          type="button"
          class="quiet"
          onClick={() => void act("parent", { parent: one.number })}
        >
          {t.join}
        </button>
      )}
    </span>
  );
  return (
    <section class="panel related" aria-label={t.title}>
      <div class="panel-head">
        <h2>{t.title}</h2>
        <button type="button" class="quiet" onClick={() => void look()}>
          {t.look}
        </button>
      </div>
      {linked.length > 0 && (
        <ul class="cases-beside">
          {linked.map((one) => (
            <Beside key={`${one.what} ${one.number}`} one={one} what={word(t.what, one.what)}>
              {one.what === "parent" && joins && (
                <button
                  type="button"
                  class="quiet"
                  onClick={() => void act("parent", { parent: null })}
                >
                  {t.leave}
                </button>
              )}
            </Beside>
          ))}
        </ul>
      )}
      {found !== null && found.suggestions.length === 0 && <p class="nothing">{t.none}</p>}
      {found?.suggestions.map((suggestion) => {
        const kind = kindOf(suggestion, file.number);
        return (
          <div key={suggestion.kind}>
            <h3>{kind === "loose" ? t.massLoose : word(t.suggestions, suggestion.kind)}</h3>
            {kind === "parents" && suggestion.parent && (
              <p class="explain">{t.massParent(caseNumber(suggestion.parent))}</p>
            )}
            {kind === "siblings" && joins && !parent && made === null && (
              <p class="explain">
                {t.massHint}{" "}
                <button type="button" disabled={busy} onClick={() => void makeParent()}>
                  {t.makeParent}
                </button>
              </p>
            )}
            <ul class="cases-beside">
              {suggestion.cases.map((one) => (
                <Beside key={one.number} one={one} what="">
                  {buttons(one, kind)}
                  {merging === one.number && !MANY.has(kind) && asking(one.number)}
                </Beside>
              ))}
            </ul>
            {kind === "loose" && suggestion.cases.length > 1 && gathers && (
              <button type="button" onClick={() => void joinHere(suggestion.cases)}>
                {t.joinAll}
              </button>
            )}
          </div>
        );
      })}
      {made !== null && (
        <p class="notice-line" role="status">
          {t.madeParent(caseNumber(made.number), pin(made.pin))}
        </p>
      )}
      {found !== null && (merges || joins) && (
        <ByNumber
          merge={merges ? setMerging : null}
          join={joins && !parent ? (number) => void act("parent", { parent: number }) : null}
        />
      )}
      {merging !== null && !suggested.has(merging) && asking(merging)}
      <Trouble error={trouble} />
    </section>
  );
}

interface BesideProps {
  one: LinkedCase;
  what: string;
  children?: preact.ComponentChildren;
}

function Beside({ one, what, children }: BesideProps) {
  const { cases } = words.value;
  return (
    <li>
      <span>
        {what !== "" && <b>{what}: </b>}
        <a class="digits" href={`/cases/${one.number}`}>
          {caseNumber(one.number)}
        </a>{" "}
        <span class={`status ${one.status}`}>{word(cases.statuses, one.status)}</span>
      </span>
      <span class="quiet-text">
        {topicLabel(one.topic)} · {unitName(one.unit)}
      </span>
      {children}
    </li>
  );
}

interface ByNumberProps {
  merge: ((number: string) => void) | null;
  join: ((number: string) => void) | null;
}

/** Another case that no suggestion names. */
function ByNumber({ merge, join }: ByNumberProps) {
  const t = words.value.desk.related;
  const [typed, setTyped] = useState("");
  const number = typed.replace(/\D/g, "");
  const ready = number.length === 10;
  return (
    <div class="by-number">
      <label class="field">
        <span>{t.number}</span>
        <input
          name="other"
          inputMode="numeric"
          autocomplete="off"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      {merge && (
        <button type="button" disabled={!ready} onClick={() => merge(number)}>
          {t.merge}
        </button>
      )}
      {join && (
        <button type="button" disabled={!ready} onClick={() => join(number)}>
          {t.join}
        </button>
      )}
    </div>
  );
}

interface MergeProps {
  number: string;
  merge: (same: boolean) => void;
  cancel: () => void;
}

/** A case that was merged is over: it is asked once more. */
function Merge({ number, merge, cancel }: MergeProps) {
  const { related: t, act } = words.value.desk;
  const [same, setSame] = useState(false);
  return (
    <div class="ask" role="alert">
      <p>
        <b>{t.mergeAsk(caseNumber(number))}</b>
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={same}
          onChange={(event) => setSame(event.currentTarget.checked)}
        />
        {t.samePerson}
      </label>
      <div class="pair">
        <button type="button" class="stop" onClick={() => merge(same)}>
          {t.confirm}
        </button>
        <button type="button" onClick={cancel}>
          {act.cancel}
        </button>
      </div>
    </div>
  );
}
