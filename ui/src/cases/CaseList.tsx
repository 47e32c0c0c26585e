/** All cases: searched, filtered, paged; the address holds what is asked, so it can be kept. */
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/http";
import type { CasePage, Topic } from "../api/types";
import { count, dayAndTime, explain, label, word, words } from "../i18n";
import { caseNumber } from "../lib/format";
import { navigate, place } from "../shell/router";

const FILTERS = ["query", "status", "topic", "page"] as const;

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

export function CaseList() {
  const { cases: t, app } = words.value;
  const { query } = place.value;
  const question = asked(query);
  const [found, setFound] = useState<CasePage | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const topics = useTopics();

  useEffect(() => {
    const asking = new AbortController();
    get<CasePage>(`/api/desk/cases?list=all&${question}`, { signal: asking.signal }).then(
      (page) => {
        setFound(page);
        setProblem(null);
      },
      (error) => {
        if (!asking.signal.aborted) setProblem(error);
      },
    );
    return () => asking.abort();
  }, [question]);
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
  });

  return (
    <div class="cases">
      <div class="page-head">
        <h1>{t.title}</h1>
        <p class="quiet-text" role="status">
          {found ? t.total(count(found.total)) : ""}
        </p>
      </div>
      <Filters query={query} topics={topics} />
      {problem !== null && (
        <p class="problem" role="alert">
          {explain(problem)}
        </p>
      )}
      {found && <Table page={found} topics={topics} />}
      {found && <Pager page={found} query={query} />}
    </div>
  );
}

function useTopics(): Topic[] {
  const [topics, setTopics] = useState<Topic[]>([]);
  useEffect(() => {
    // Without the labels the codes stand in the table; that is no reason for an error.
    get<Topic[]>("/api/topics").then(setTopics, () => setTopics([]));
  }, []);
  return topics;
}

function topicLabel(topics: Topic[], code: string): string {
  const topic = topics.find((each) => each.code === code);
  return topic ? label(topic.label) : code || "–";
}

function Filters({ query, topics }: { query: URLSearchParams; topics: Topic[] }) {
  const t = words.value.cases;
  const search = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    navigate(changed(query, { query: String(fields.get("query")).trim() }));
  };
  const choose = (name: "status" | "topic") => (event: Event) =>
    navigate(changed(query, { [name]: (event.target as HTMLSelectElement).value }));
  return (
    <search>
      <form class="panel filters" onSubmit={search}>
        <label class="field grow">
          <span>{t.search}</span>
          <input name="query" type="search" defaultValue={query.get("query") ?? ""} />
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
            {topics.map((topic) => (
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

function Table({ page, topics }: { page: CasePage; topics: Topic[] }) {
  const t = words.value.cases;
  if (page.cases.length === 0) {
    return (
      <p class="nothing">
        {t.none} <a href="/cases">{t.noneGo}</a>
      </p>
    );
  }
  return (
    <div class="panel table-panel">
      <table>
        <thead>
          <tr>
            <th scope="col">{t.number}</th>
            <th scope="col">{t.status}</th>
            <th scope="col">{t.topic}</th>
            <th scope="col">{t.opened}</th>
            <th scope="col">{t.updated}</th>
            <th scope="col">{t.custodian}</th>
            <th scope="col" class="figure">
              {t.calls}
            </th>
          </tr>
        </thead>
        <tbody>
          {page.cases.map((row) => (
            <tr key={row.number}>
              <th scope="row">
                <a class="digits" href={`/cases/${row.number}`}>
                  {caseNumber(row.number)}
                </a>
              </th>
              <td>
                <span class={`status ${row.status}`}>{word(t.statuses, row.status)}</span>
              </td>
              <td>{topicLabel(topics, row.topic)}</td>
              <td>{dayAndTime(row.opened_at)}</td>
              <td>{dayAndTime(row.updated_at)}</td>
              <td>{row.custodian ?? t.nobody}</td>
              <td class="figure">{count(row.calls)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
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
