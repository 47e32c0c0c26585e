/** Why something was not done to a case, in words; of a case that others changed, what they did. */
import { ApiError } from "../api/http";
import type { CaseChange } from "../api/types";
import { dayAndTime, explain, timeOfDay, word, words } from "../i18n";
import { topicLabel, unitName } from "./known";

interface Props {
  /** What the request was refused with; null: it was not. */
  error: unknown;
}

export function Trouble({ error }: Props) {
  if (error instanceof ApiError && error.code === "stale") return <Stale error={error} />;
  if (error === null) return null;
  return (
    <p class="problem" role="alert">
      {explainCase(error)}
    </p>
  );
}

/** {@link explain} for what only the desk is told. */
function explainCase(error: unknown): string {
  if (!(error instanceof ApiError)) return explain(error);
  const { desk: t, errors } = words.value;
  if (error.status === 404) return `${t.gone} ${t.stale.kept}`;
  if (error.code !== "refused" && error.code !== "invalid") return explain(error);
  const reasons = Object.entries(error.fields).map(([field, why]) => {
    const text = refusal(field, why);
    return field === "event" ? text : `${word(t.file.fields, field)}: ${text}`;
  });
  return errors.refused(reasons.join("; ") || error.message);
}

function refusal(field: string, why: string): string {
  const { desk: t } = words.value;
  // Wrong PIN and unknown number are told alike, and here the number is known.
  if (field === "pin" && why === "unknown") return t.refusals.wrong ?? why;
  if (why.startsWith("missing_")) return t.missing;
  if (why.startsWith("wrong_")) return t.wrong;
  return word(t.refusals, why);
}

function Stale({ error }: { error: ApiError }) {
  const t = words.value.desk.stale;
  return (
    <div class="conflicts" role="alert">
      {error.changes.map((change) => (
        <Change key={change.version} change={change} />
      ))}
      <p>{t.go}</p>
    </div>
  );
}

function Change({ change }: { change: CaseChange }) {
  const { desk: t } = words.value;
  const fields = Object.entries(change.fields).filter(([, [was, is]]) => was !== is);
  return (
    <div class="conflict">
      <p>
        <b>{t.stale.title(change.by ?? t.stale.somebody, timeOfDay(change.at))}</b>
      </p>
      {fields.length === 0 && <p>{t.stale.hidden}</p>}
      <dl class="facts">
        {fields.map(([name, [was, is]]) => (
          <>
            <dt key={`${name}-name`}>{word(t.file.fields, name)}</dt>
            <dd key={name}>
              <del>{shown(name, was)}</del> → {shown(name, is)}
            </dd>
          </>
        ))}
      </dl>
    </div>
  );
}

/** A long text is told by its beginning: it stands in the page itself. */
const MOST_SHOWN = 160;

/** A value of a field in words. */
export function shown(name: string, value: unknown): string {
  const { cases, desk: t } = words.value;
  if (value === null || value === undefined || value === "") return t.edit.emptyText;
  if (typeof value === "boolean") return value ? t.edit.yes : t.edit.no;
  if (name.endsWith("_at") && typeof value === "number") return dayAndTime(value);
  const text = String(value);
  if (name === "status") return word(cases.statuses, text);
  if (name === "wait") return word(t.waits, text);
  if (name === "topic") return topicLabel(text);
  if (name === "unit") return unitName(text);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
}
