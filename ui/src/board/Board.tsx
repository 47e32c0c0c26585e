/** The supervisor's page: who waits, who works, how today goes. */
import { useEffect, useMemo } from "preact/hooks";
import { get } from "../api/http";
import { Live } from "../api/live";
import type { AgentState, BoardAgent, BoardView, Owed, Today } from "../api/types";
import { count, explain, label, moment, percent, word, words } from "../i18n";
import { now } from "../lib/clock";
import { duration } from "../lib/format";
import { HourChart } from "./HourChart";
import { levelOf } from "./levels";

export function Board() {
  const live = useMemo(
    () => new Live<BoardView>({ page: "board", load: () => get<BoardView>("/api/board") }),
    [],
  );
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  const { board: t, app } = words.value;
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
  });
  const view = live.document.value;
  if (view === null) {
    const problem = live.problem.value;
    return (
      <p class="nothing page" role="status">
        {problem ? explain(problem) : t.connecting}
      </p>
    );
  }
  return (
    <div class="board">
      <div class="page-head">
        <h1>{t.title}</h1>
        <Freshness live={live} />
      </div>
      <div class={live.link.value === "lost" ? "board-grid stale" : "board-grid"}>
        <WaitingList view={view} />
        <Topics view={view} />
        <Agents agents={view.agents} view={view} />
        <HourChart hours={view.by_hour} />
        <Counts today={view.today} />
      </div>
    </div>
  );
}

function Freshness({ live }: { live: Live<BoardView> }) {
  const t = words.value.board;
  const link = live.link.value;
  // The clock is read so that the age is drawn again each second.
  const age = now.value >= 0 ? Date.now() - live.heardAt.value : 0;
  return (
    <p class={`freshness ${link}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {link === "live" ? t.live : link === "lost" ? t.stale(duration(age)) : t.connecting}
    </p>
  );
}

const NOW_COUNTS = ["in_ivr", "talking"] as const;
const DAY_COUNTS = [
  "arrived",
  "answered",
  "abandoned",
  "left",
  "callbacks",
  "called_back",
  "given_up",
  "messages",
  "cases",
] as const;
const DAY_SHARES = ["service_level", "abandon_rate"] as const;
const DAY_TIMES = ["average_wait_s", "longest_wait_s"] as const;
type Shown =
  | (typeof NOW_COUNTS)[number]
  | (typeof DAY_COUNTS)[number]
  | (typeof DAY_SHARES)[number]
  | (typeof DAY_TIMES)[number];

function Counts({ today }: { today: Today }) {
  const t = words.value.board;
  const tile = (name: Shown, value: string) => (
    <div key={name} class="tile">
      <dt>{t.counts[name]}</dt>
      <dd>{value}</dd>
      <dd class="explain">{t.explain[name]}</dd>
    </div>
  );
  const time = (seconds: number | null) => (seconds === null ? "–" : duration(seconds * 1000));
  const share = (part: number | null) => (part === null ? "–" : percent(part));
  return (
    <section class="panel counts" aria-label={t.today}>
      <div class="counts-now">
        <h2>{t.now}</h2>
        <dl>{NOW_COUNTS.map((name) => tile(name, count(today[name])))}</dl>
      </div>
      <div class="counts-day">
        <h2>{t.today}</h2>
        <dl>
          {DAY_COUNTS.map((name) => tile(name, count(today[name])))}
          {DAY_SHARES.map((name) => tile(name, share(today[name])))}
          {DAY_TIMES.map((name) => tile(name, time(today[name])))}
        </dl>
      </div>
    </section>
  );
}

function Wait({ since }: { since: number }) {
  const t = words.value.board;
  const waited = now.value - since;
  const level = levelOf(waited);
  return (
    <span class={`age ${level}`}>
      <b>{duration(waited)}</b> <span>{t[level]}</span>
    </span>
  );
}

function WaitingList({ view }: { view: BoardView }) {
  const t = words.value.board;
  const oldestFirst = [...view.waiting].sort((a, b) => a.since - b.since);
  return (
    <section class="panel waiting">
      <h2>
        {t.waiting} <span class="number">{count(view.waiting.length)}</span>
      </h2>
      {oldestFirst.length === 0 ? (
        <p class="nothing">{t.nobody}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t.topic}</th>
              <th scope="col">{t.age}</th>
            </tr>
          </thead>
          <tbody>
            {oldestFirst.map((entry) => (
              <tr key={entry.entry}>
                <td>
                  {topicName(view, entry.topic)}
                  {entry.state === "offered" && <span class="tag">{t.offered}</span>}
                </td>
                <td>
                  <Wait since={entry.since} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {view.callbacks.length > 0 && <Callbacks view={view} />}
    </section>
  );
}

/** Of those who are to be called back so many are shown, the oldest; the others are counted. */
const OWED_SHOWN = 8;

/** Who hung up and keeps the place. Nobody suffers on the line: no colours. */
function Callbacks({ view }: { view: BoardView }) {
  const t = words.value.board;
  const oldestFirst = [...view.callbacks].sort((a, b) => a.since - b.since);
  const more = oldestFirst.length - OWED_SHOWN;
  const state = (owed: Owed) =>
    owed.state === "offered" ? t.offered : owed.state === "dialled" ? t.dialled : "";
  return (
    <div class="owed">
      <h2>
        {t.callbacks} <span class="number">{count(view.callbacks.length)}</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{t.topic}</th>
            <th scope="col">{t.placeSince}</th>
            <th scope="col" class="figure">
              {t.tries}
            </th>
          </tr>
        </thead>
        <tbody>
          {oldestFirst.slice(0, OWED_SHOWN).map((owed) => (
            <tr key={owed.entry}>
              <td>
                {topicName(view, owed.topic)}
                {state(owed) !== "" && <span class="tag">{state(owed)}</span>}
              </td>
              <td>{moment(owed.since, now.value)}</td>
              <td class="figure">{count(owed.tries)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p class="quiet-text">{t.moreOwed(count(more))}</p>}
    </div>
  );
}

function topicName(view: BoardView, code: string): string {
  const topic = view.topics.find((each) => each.code === code);
  return topic ? label(topic.label) : code;
}

function Topics({ view }: { view: BoardView }) {
  const t = words.value.board;
  return (
    <section class="panel topics">
      <h2>{t.topics}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{t.topic}</th>
            <th scope="col" class="figure">
              {t.age}
            </th>
            <th scope="col">{t.longest}</th>
            <th scope="col">{t.ready}</th>
          </tr>
        </thead>
        <tbody>
          {view.topics.map((topic) => (
            <tr key={topic.code}>
              <th scope="row">{label(topic.label)}</th>
              <td class="figure">{count(topic.waiting)}</td>
              <td>{topic.longest_since === null ? "–" : <Wait since={topic.longest_since} />}</td>
              <td>
                {topic.waiting > 0 && topic.ready === 0 ? (
                  <span class="age tooLong">
                    <b>0</b> <span>{t.nobodyReady}</span>
                  </span>
                ) : (
                  count(topic.ready)
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Those whom a supervisor looks for first. */
const ORDER: readonly AgentState[] = [
  "ready",
  "offered",
  "talking",
  "wrap_up",
  "paused",
  "offline",
];

function Agents({ agents, view }: { agents: BoardAgent[]; view: BoardView }) {
  const { board: t, states } = words.value;
  const busy = agents.length > 0;
  const groups = ORDER.map((state) => ({
    state,
    members: agents.filter((agent) => agent.state === state).sort((a, b) => a.since - b.since),
  }));
  return (
    <section class="panel agents">
      <h2>{t.agents}</h2>
      {!busy && <p class="nothing">{t.noAgents}</p>}
      <ul class="states">
        {groups
          .filter(({ state, members }) => members.length > 0 || (busy && state !== "offline"))
          .map(({ state, members }) => (
            <li key={state}>
              <h3 class={`state ${state}`}>
                {states[state]} <span class="number">{members.length}</span>
              </h3>
              <ul>
                {members.map((agent) => (
                  <AgentCard key={agent.id} agent={agent} view={view} />
                ))}
              </ul>
            </li>
          ))}
      </ul>
    </section>
  );
}

function AgentCard({ agent, view }: { agent: BoardAgent; view: BoardView }) {
  const { pause } = words.value;
  const detail = agent.topic
    ? topicName(view, agent.topic)
    : agent.reason
      ? word(pause.reasons, agent.reason)
      : "";
  return (
    <li class="agent">
      <span class="agent-name">{agent.name}</span>
      <span class="agent-time">{duration(now.value - agent.since)}</span>
      {detail !== "" && <span class="quiet-text">{detail}</span>}
    </li>
  );
}
