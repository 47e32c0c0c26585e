/** Cases that belong together: what is known, what is suggested, merging and joining. */
import { useState } from "preact/hooks";
import { get } from "../api/http";
import type { CaseFile, Duplicates, LinkedCase } from "../api/types";
import { word, words } from "../i18n";
import { caseNumber } from "../lib/format";
import type { Ask } from "./Actions";
import { topicLabel, unitName } from "./known";
import { Trouble } from "./Trouble";

export function Related({ file, ask }: { file: CaseFile; ask: Ask }) {
  const t = words.value.desk.related;
  const [found, setFound] = useState<Duplicates | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [merging, setMerging] = useState<string | null>(null);
  const merges = file.can.some((one) => one.event === "merge");
  const joins = file.may.public === "change" && !file.gathers;
  const linked = file.linked ?? [];
  const parent = linked.find((one) => one.what === "parent");

  const look = () =>
    get<Duplicates>(`/api/cases/${file.number}/duplicates`).then(setFound, setTrouble);
  const act = async (path: string, body: unknown) => {
    const why = await ask(path, body);
    setTrouble(why);
    if (why === null) setMerging(null);
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
  const buttons = (one: LinkedCase, kind: string) => (
    <span class="row-buttons">
      {merges && kind !== "mass" && (
        <button type="button" class="quiet" onClick={() => setMerging(one.number)}>
          {t.merge}
        </button>
      )}
      {joins && parent === undefined && (
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
      {found?.suggestions.map((suggestion) => (
        <div key={suggestion.kind}>
          <h3>{word(t.suggestions, suggestion.kind)}</h3>
          {suggestion.kind === "mass" && joins && !parent && <p class="explain">{t.massHint}</p>}
          <ul class="cases-beside">
            {suggestion.cases.map((one) => (
              <Beside key={one.number} one={one} what="">
                {buttons(one, suggestion.kind)}
                {merging === one.number && suggestion.kind !== "mass" && asking(one.number)}
              </Beside>
            ))}
          </ul>
        </div>
      ))}
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
