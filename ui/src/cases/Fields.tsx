/** The fields of a case as they are written down: for changing one, and for a new one. */
import { label, words } from "../i18n";
import { topics, units } from "./known";
import { shown } from "./Trouble";
import type { Typed, TypedName } from "./writing";

interface Props {
  values: Typed;
  /** Which of them there are. */
  names: readonly TypedName[];
  edit: (name: TypedName, value: string | boolean) => void;
  /** What others wrote into a field meanwhile that was typed into here, too. */
  theirs?: Partial<Record<TypedName, { by: string; value: unknown }>>;
  take?: (name: TypedName) => void;
}

const LONGEST: Partial<Record<TypedName, number>> = {
  narrative: 20_000,
  summary: 4_000,
  employer: 200,
  name: 200,
  phone: 40,
  regency: 4,
};

export function Fields({ values, names, edit, theirs = {}, take }: Props) {
  const t = words.value.desk.edit;
  const { form } = words.value;
  const { provinces } = units.value;
  const has = (name: TypedName) => names.includes(name);
  const typed = (name: TypedName) => ({
    name,
    value: String(values[name]),
    maxLength: LONGEST[name],
    onInput: (event: Event) => edit(name, (event.target as HTMLInputElement).value),
  });
  const other = (name: TypedName) => {
    const written = theirs[name];
    if (written === undefined) return null;
    return (
      <div class="conflict" role="alert">
        <p>{t.theirs(written.by)}</p>
        <blockquote>{shown(name, written.value)}</blockquote>
        <button type="button" onClick={() => take?.(name)}>
          {t.take}
        </button>
      </div>
    );
  };
  const text = (name: TypedName, title: string, more: object = {}) =>
    has(name) && (
      <div>
        <label class="field">
          <span>{title}</span>
          <input autocomplete="off" {...typed(name)} {...more} />
        </label>
        {other(name)}
      </div>
    );
  const long = (name: TypedName, title: string, hint: string, rows: number) =>
    has(name) && (
      <div class="wide">
        <label class="field">
          <span>{title}</span>
          <textarea {...typed(name)} rows={rows} placeholder={hint} />
        </label>
        {other(name)}
      </div>
    );
  const check = (name: TypedName, title: string) =>
    has(name) && (
      <div class={name === "secret" ? "wide" : ""}>
        <label class="check">
          <input
            type="checkbox"
            name={name}
            checked={Boolean(values[name])}
            onChange={(event) => edit(name, event.currentTarget.checked)}
          />
          {title}
        </label>
        {other(name)}
      </div>
    );
  return (
    <div class="case-fields">
      {has("topic") && (
        <div class="wide">
          <div class="field">
            <label for="case-topic">{form.topic}</label>
            <TopicSelect value={values.topic} choose={(code) => edit("topic", code)} />
          </div>
          {other("topic")}
        </div>
      )}
      {long("narrative", t.narrative, form.narrativeHint, 6)}
      {text("employer", form.employer)}
      {has("province") && (
        <div>
          <label class="field">
            <span>{t.province}</span>
            <select
              name="province"
              value={values.province}
              onChange={(event) => edit("province", event.currentTarget.value)}
            >
              <option value="">–</option>
              {Object.entries(provinces)
                .sort(([a], [b]) => a.localeCompare(b))
                .map(([code, name]) => (
                  <option key={code} value={code}>
                    {name}
                  </option>
                ))}
            </select>
          </label>
          {other("province")}
        </div>
      )}
      {text("regency", t.regency, {
        inputMode: "numeric",
        pattern: "[0-9]{4}",
        placeholder: t.regencyHint,
      })}
      {text("incident_on", t.incident, { type: "date" })}
      {text("workers", t.workers, { type: "number", min: 0, max: 10_000_000 })}
      {check("secret", t.secret)}
      {long("summary", t.summary, t.summaryHint, 3)}
      {text("name", form.reporter, { placeholder: form.reporterHint })}
      {text("phone", t.phone, { type: "tel" })}
      {check("shared", t.shared)}
      {check("minor", t.minor)}
      {check("may_message", t.mayMessage)}
      {check("may_call", t.mayCall)}
      {text("safe_from", t.safeFrom, { type: "time" })}
      {text("safe_until", t.safeUntil, { type: "time" })}
      {text("call_from", t.callFrom, { type: "time" })}
      {text("call_until", t.callUntil, { type: "time" })}
    </div>
  );
}

interface TopicProps {
  value: string;
  choose: (code: string) => void;
}

/** The topics that callers choose, each with those of cases within it. */
function TopicSelect({ value, choose }: TopicProps) {
  const t = words.value.form;
  const upper = topics.value.filter((topic) => topic.within === undefined);
  return (
    <select
      id="case-topic"
      name="topic"
      required
      value={value}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      {value === "" && <option value="">{t.noTopic}</option>}
      {upper.map((topic) => (
        <optgroup key={topic.code} label={label(topic.label)}>
          <option value={topic.code}>{label(topic.label)}</option>
          {topics.value
            .filter((each) => each.within === topic.code)
            .map((each) => (
              <option key={each.code} value={each.code}>
                {label(each.label)}
              </option>
            ))}
        </optgroup>
      ))}
      {value !== "" && !topics.value.some((each) => each.code === value) && (
        <option value={value}>{value}</option>
      )}
    </select>
  );
}
