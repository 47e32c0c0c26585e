/** Bodies outside the ministry: their numbers and hours. */
import { useEffect, useState } from "preact/hooks";
import type { OutsideBody } from "../api/types";
import { label, word, words } from "../i18n";
import { bodies, topicLabel, useKnown } from "./known";

export function Directory() {
  const { desk, app } = words.value;
  const t = desk.directory;
  const [query, setQuery] = useState("");
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
  });
  const wanted = query.trim().toLowerCase();
  const known = useKnown();
  const found = known ? bodies.value.filter((body) => text(body).includes(wanted)) : [];
  return (
    <div class="cases">
      <div class="page-head">
        <h1>{t.title}</h1>
        <p class="quiet-text">{t.intro}</p>
      </div>
      <search class="panel filters">
        <label class="field grow">
          <span>{t.find}</span>
          <input
            type="search"
            name="find"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </label>
      </search>
      {known && found.length === 0 && <p class="nothing">{t.none}</p>}
      {found.length > 0 && (
        <div class="panel table-panel">
          <table class="directory">
            <thead>
              <tr>
                <th scope="col">{t.body}</th>
                <th scope="col">{t.numbers}</th>
                <th scope="col">{t.hours}</th>
                <th scope="col">{t.topics}</th>
              </tr>
            </thead>
            <tbody>
              {found.map((body) => (
                <Body key={body.code} body={body} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Body({ body }: { body: OutsideBody }) {
  const t = words.value.desk.directory;
  return (
    <tr>
      <th scope="row">
        {label(body.label)}
        {body.emergency && <span class="tag late">{t.emergency}</span>}
        {body.unit !== null && <span class="tag">{t.refers}</span>}
      </th>
      <td>
        <ul>
          {body.numbers.map((one) => (
            <li key={one.dial}>
              <b class="digits">{one.show}</b>{" "}
              <span class="quiet-text">{word(t.reach, one.reach)}</span>
              {!one.verified && <span class="tag doubt">{t.unverified}</span>}
            </li>
          ))}
        </ul>
      </td>
      <td>{body.hours === "00:00-24:00" ? t.allDay : body.hours.replace("-", "–")}</td>
      <td class="quiet-text">{body.topics.map((code) => topicLabel(code)).join(" · ")}</td>
    </tr>
  );
}

const text = (body: OutsideBody): string =>
  [
    label(body.label),
    ...body.numbers.map((one) => one.show),
    ...body.topics.map((code) => topicLabel(code)),
  ]
    .join(" ")
    .toLowerCase();
