/** My lists of cases, by due time, and all cases; the address holds what is asked, so it can be kept. */
import { effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get, type Options, request } from "../api/http";
import type { CasePage, CaseRow, DeskView, ListName } from "../api/types";
import { count, dayOnly, explain, label, word, words } from "../i18n";
import { caseNumber } from "../lib/format";
import { useShortcuts } from "../lib/keys";
import { navigate, place } from "../shell/router";
import { me } from "../shell/session";
import { lastList, topicLabel, topics, unitName, unitPhone, useDesk, useKnown } from "./known";
import { Due, Shortcuts } from "./Small";

const FILTERS = ["list", "status", "topic", "page"] as const;
/** What is searched for. It may be a name: no address, and no history of a browser, has it. */
const searched = signal("");
effect(() => {
  if (!me.value) searched.value = "";
});
/** What others do is seen without being asked for, this often. */
const AGAIN_MS = 30_000;

/** The part of the address that the server is asked with. */
function asked(query: URLSearchParams): string {
  const parts = new URLSearchParams();
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value !== null && value !== "") parts.set(name, value);
  }
  return parts.toString();
}

/** `query` with some parts changed; a change of what is asked begins at the first page. */
function changed(query: URLSearchParams, changes: Record<string, string>): string {
  const next = new URLSearchParams(asked(query));
  if (!("page" in changes)) next.delete("page");
  for (const [name, value] of Object.entries(changes)) next.set(name, value);
  const text = asked(next);
  return text === "" ? "/cases" : `/cases?${text}`;
}

/** The list that the address names, or else the first of mine in which something waits. */
function chosen(query: URLSearchParams, desk: DeskView | null): ListName | null {
  const named = query.get("list") as ListName | null;
  if (named !== null) return named;
  if (desk === null) return null;
  if (searched.value !== "") return "all";
  return desk.lists.find((one) => one.count > 0)?.list ?? "all";
}

/** A page of a list. A search is no part of an address: proxies write those down, too. */
function ask(question: string, sought: string, options: Options): Promise<CasePage> {
  if (sought === "") return get<CasePage>(`/api/desk/cases?${question}`, options);
  const { page, ...asked } = Object.fromEntries(new URLSearchParams(question));
  const body = { ...asked, query: sought, page: page === undefined ? 1 : Number(page) };
  return request<CasePage>("POST", "/api/desk/search", body, options);
}

export function CaseList() {
  const { cases: t, app, desk: d } = words.value;
  const { query } = place.value;
  const [turn, setTurn] = useState(0);
  const desk = useDesk(turn);
  const list = chosen(query, desk);
  const [found, setFound] = useState<{ list: ListName; page: CasePage } | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const known = useKnown();
  const search = new URLSearchParams(asked(query));
  if (list !== null) search.set("list", list);
  const question = list === null ? null : search.toString();
  const sought = searched.value;

  // A new turn is why it is asked again.
  useEffect(() => {
    if (question === null || list === null) return undefined;
    const asking = new AbortController();
    ask(question, sought, { signal: asking.signal }).then(
      (page) => {
        setFound({ list, page });
        setProblem(null);
      },
      (error) => {
        if (!asking.signal.aborted) setProblem(error);
      },
    );
    return () => asking.abort();
  }, [question, sought, turn]);
  useEffect(() => {
    const again = () => {
      if (document.visibilityState === "visible") setTurn((n) => n + 1);
    };
    const timer = setInterval(again, AGAIN_MS);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, []);
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
    lastList.value = location.pathname + location.search;
  });
  const intake = me.value?.account.role === "officer";
  useKeys(desk, intake);

  return (
    <div class="cases">
      <div class="page-head">
        <h1>{t.title}</h1>
        <p class="quiet-text">{desk?.unit_name}</p>
        {intake && (
          <a class="button end" href="/cases/new">
            {d.intake} <kbd>N</kbd>
          </a>
        )}
      </div>
      <Lists desk={desk} list={list} />
      <Filters query={query} list={list} />
      {problem !== null && (
        <p class="problem" role="alert">
          {explain(problem)}
        </p>
      )}
      {known && found && <Table page={found.page} query={query} list={found.list} />}
      {found?.page.more && <p class="explain">{d.more}</p>}
      {known && found && <Pager page={found.page} query={query} />}
      <Shortcuts
        keys={[
          ["↑ ↓", d.keys.rows],
          ["Enter", d.keys.open],
          [`1–${desk?.lists.length ?? 1}`, d.keys.lists],
          ["/", d.keys.search],
          ...(intake ? ([["N", d.keys.intake]] as const) : []),
        ]}
      />
    </div>
  );
}

/** A list that is chosen is whole. */
const forget = () => {
  searched.value = "";
};
const toList = (list: ListName): string => `/cases?list=${list}`;

function useKeys(desk: DeskView | null, intake: boolean): void {
  const step = (by: number) => () => {
    const rows = [...document.querySelectorAll<HTMLElement>(".table-panel tbody a")];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const next = at === -1 ? (by > 0 ? 0 : rows.length - 1) : at + by;
    rows[Math.max(0, Math.min(rows.length - 1, next))]?.focus();
  };
  const lists = (desk?.lists ?? []).map(
    (one, i) =>
      [
        String(i + 1),
        () => {
          forget();
          navigate(toList(one.list));
        },
      ] as const,
  );
  useShortcuts({
    ...Object.fromEntries(lists),
    ArrowDown: step(1),
    ArrowUp: step(-1),
    "/": () => document.querySelector<HTMLElement>("input[name=query]")?.focus(),
    n: intake ? () => navigate("/cases/new") : undefined,
  });
}

/** How much is in each of my lists, and how much of it is late. */
function Lists({ desk, list }: { desk: DeskView | null; list: ListName | null }) {
  const t = words.value.desk;
  return (
    <nav class="lists" aria-label={t.listsLabel}>
      {(desk?.lists ?? []).map((one, i) => (
        <a
          key={one.list}
          href={toList(one.list)}
          onClick={forget}
          aria-current={one.list === list ? "page" : undefined}
        >
          <kbd>{i + 1}</kbd> {t.lists[one.list]} <span class="number">{many(one.count)}</span>
          {one.late > 0 && <span class="tag late">{t.lateCount(many(one.late))}</span>}
        </a>
      ))}
    </nav>
  );
}

/** Nothing is counted further. */
const MOST = 1_000;
const many = (n: number): string => (n >= MOST ? `${count(MOST)}+` : count(n));

interface FilterProps {
  query: URLSearchParams;
  list: ListName | null;
}

function Filters({ query, list }: FilterProps) {
  const t = words.value.cases;
  const kept: Record<string, string> = list === null ? {} : { list };
  const search = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const typed = String(fields.get("query")).trim();
    // It is looked for everywhere: nobody need know in which list it is.
    searched.value = typed;
    navigate(changed(query, typed === "" ? kept : { list: "all" }));
  };
  const choose = (name: "status" | "topic") => (event: Event) =>
    navigate(changed(query, { ...kept, [name]: (event.target as HTMLSelectElement).value }));
  return (
    <search>
      <form class="panel filters" onSubmit={search}>
        <label class="field grow">
          <span>{t.search}</span>
          <input
            key={searched.value}
            name="query"
            type="search"
            defaultValue={searched.value}
            maxLength={100}
          />
        </label>
        <button type="submit" class="primary">
          {t.searchButton} <kbd>Enter</kbd>
        </button>
        <label class="field">
          <span>{t.status}</span>
          <select value={query.get("status") ?? ""} onChange={choose("status")}>
            <option value="">{t.all}</option>
            {Object.entries(t.statuses).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>{t.topic}</span>
          <select value={query.get("topic") ?? ""} onChange={choose("topic")}>
            <option value="">{t.all}</option>
            {topics.value.map((topic) => (
              <option key={topic.code} value={topic.code}>
                {label(topic.label)}
              </option>
            ))}
          </select>
        </label>
      </form>
    </search>
  );
}

interface TableProps {
  page: CasePage;
  query: URLSearchParams;
  list: ListName;
}

function Table({ page, query, list }: TableProps) {
  const { cases: t, desk: d } = words.value;
  if (page.cases.length === 0) {
    const filtered = searched.value !== "" || ["status", "topic"].some((name) => query.get(name));
    return (
      <p class="nothing panel">
        {filtered ? t.none : d.empty[list]}{" "}
        {filtered && (
          <a href={toList(list)} onClick={forget}>
            {t.noneGo}
          </a>
        )}
      </p>
    );
  }
  return (
    <div class="panel table-panel">
      <table class="case-list">
        <thead>
          <tr>
            <th scope="col">{t.number}</th>
            <th scope="col">{d.due}</th>
            {list !== "to_phone" && <th scope="col">{t.status}</th>}
            <th scope="col" class="long">
              {t.topic}
            </th>
            <th scope="col" class="long">
              {d.unit}
            </th>
            <th scope="col">{list === "to_phone" ? d.unitPhone : d.officer}</th>
            <th scope="col">{t.opened}</th>
          </tr>
        </thead>
        <tbody>
          {page.cases.map((row) => (
            <Row key={row.number} row={row} list={list} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** In the list of those who are phoned all have one status, and the telephone needs the room. */
function Row({ row, list }: { row: CaseRow; list: ListName }) {
  const { cases: t, desk: d } = words.value;
  return (
    <tr>
      <th scope="row">
        <a class="digits" href={`/cases/${row.number}`}>
          {caseNumber(row.number)}
        </a>
      </th>
      <td>
        <Due due={row.due_at} late={row.late_days} />
      </td>
      {list !== "to_phone" && (
        <td>
          <span class={`status ${row.status}`}>{word(t.statuses, row.status)}</span>
          {row.wait && <span class="quiet-text"> {word(d.waits, row.wait)}</span>}
        </td>
      )}
      <td class="long">{topicLabel(row.topic)}</td>
      <td class="long">{unitName(row.unit)}</td>
      <td>
        {list === "to_phone" ? (
          <UnitPhone unit={row.unit} />
        ) : (
          (row.officer ?? (row.status === "routed" ? d.notAccepted : "–"))
        )}
      </td>
      <td>{dayOnly(row.opened_at)}</td>
    </tr>
  );
}

/** The number that triage rings: why the case is in this list. */
function UnitPhone({ unit }: { unit: string }) {
  const number = unitPhone(unit);
  if (number === null) return <span class="quiet-text">{words.value.desk.noPhone}</span>;
  return <b class="digits">{number}</b>;
}

/** The server's pages; it does not say how many rows one holds, the first page tells. */
const PAGE_ROWS = 50;

function Pager({ page, query }: { page: CasePage; query: URLSearchParams }) {
  const t = words.value.cases;
  const rows = page.page === 1 ? Math.max(page.cases.length, 1) : PAGE_ROWS;
  const last = page.total > page.cases.length ? Math.ceil(page.total / rows) : page.page;
  if (last <= 1) return null;
  const to = (n: number) => changed(query, { page: String(n) });
  return (
    <nav class="pager" aria-label={t.page(page.page, last)}>
      {page.page > 1 ? <a href={to(page.page - 1)}>← {t.previous}</a> : <span />}
      <span>{t.page(page.page, last)}</span>
      {page.page < last ? <a href={to(page.page + 1)}>{t.next} →</a> : <span />}
    </nav>
  );
}
