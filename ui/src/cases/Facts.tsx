/** What is known of a case in short: its people and places, its time limits, its way so far. */
import type { ComponentChildren } from "preact";
import type { CaseFile } from "../api/types";
import { dayAndTime, dayOnly, word, words } from "../i18n";
import { serverNow } from "../lib/clock";
import { phone } from "../lib/format";
import { bodyName, unitName, unitPhone, units } from "./known";
import { Due } from "./Small";
import { clock } from "./writing";

export function Facts({ file }: { file: CaseFile }) {
  const { cases: t, desk } = words.value;
  const { provinces } = units.value;
  const place = [file.province && word(provinces, file.province), file.regency];
  const rows: [string, ComponentChildren][] = [
    [t.reporter, reporter(file)],
    [desk.file.phones, phones(file)],
    [desk.file.contact, contact(file)],
    [desk.file.callAt, callAt(file)],
    [t.employer, file.employer === undefined ? desk.hidden : file.employer || t.unknown],
    [desk.file.place, place.filter(Boolean).join(", ")],
    [desk.edit.incident, file.incident_on && dayOnly(Date.parse(file.incident_on))],
    [desk.file.workers, file.workers],
    [desk.edit.summary, file.summary],
    [desk.file.told, file.public_note],
    [desk.outcome, file.outcome && word(desk.outcomes, file.outcome)],
    [desk.unit, file.unit && unitName(file.unit)],
    [desk.officer, file.officer],
    [t.custodian, file.custodian],
    [desk.channel, file.channel && word(desk.channels, file.channel)],
    [t.opened, file.opened_at && dayAndTime(file.opened_at)],
    [t.updated, file.updated_at && dayAndTime(file.updated_at)],
  ];
  return (
    <dl class="facts">
      {rows
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function reporter(file: CaseFile): string {
  const { cases: t, desk } = words.value;
  if (file.anonymous) return desk.flags.anonymous;
  if (file.name === undefined) return desk.hidden;
  return file.name || t.anonymous;
}

function phones(file: CaseFile): string {
  const t = words.value.desk.file;
  return (file.phones ?? [])
    .map((one) => `${phone(one.number)}${one.shared ? ` (${t.shared})` : ""}`)
    .join(", ");
}

/** How the reporter may be reached, with the hours in their own zone. */
function contact(file: CaseFile): string {
  const t = words.value.desk.file;
  const may = file.safe_contact;
  if (!may || !file.phones || file.phones.length === 0) return "";
  const hours = (from: number | null, until: number | null) =>
    from === null || until === null ? "" : ` ${t.between(clock(from), clock(until))}`;
  const ways = [
    may.may_message && `${t.contactMessage}${hours(may.safe_from, may.safe_until)}`,
    may.may_call &&
      `${t.contactCall}${hours(may.call_from ?? may.safe_from, may.call_until ?? may.safe_until)}`,
  ].filter(Boolean);
  return ways.length === 0 ? t.contactNone : ways.join(", ");
}

/** From when on the reporter may be rung up: nobody reckons hours of another zone in their head. */
function callAt(file: CaseFile): string {
  const t = words.value.desk.file;
  if (!file.phones || file.phones.length === 0) return "";
  if (file.call_at == null) return t.never;
  return file.call_at <= serverNow() ? t.now : t.from(dayAndTime(file.call_at));
}

/** Time limits that run, those of the law, and what bodies outside were given. */
export function Limits({ file }: { file: CaseFile }) {
  const { file: t } = words.value.desk;
  const running = (file.clocks ?? []).filter((one) => one.stopped === null);
  const statutes = file.statutes ?? [];
  const references = file.references ?? [];
  if (running.length + statutes.length + references.length === 0) return null;
  return (
    <section class="panel" aria-label={t.clocks}>
      <h2>{t.clocks}</h2>
      <dl class="facts">
        {running.map((one) => (
          <Fact key={`${one.kind}-${one.started}`} name={word(t.clockKinds, one.kind)}>
            {one.standing ? t.standing : <Due due={one.due} late={one.late_days} />}
          </Fact>
        ))}
        {statutes.map((one) => (
          <Fact key={one.code} name={word(t.statutes, one.code)}>
            {t.fromTo(dayOnly(Date.parse(one.on)), dayOnly(Date.parse(one.until)))}
          </Fact>
        ))}
        {references.map((one) => (
          <Fact key={one.system} name={bodyName(one.system)}>
            {one.ref ?? t.noRef}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

/** Where a unit that does not accept is asked why. */
function toRing(unit: string): string {
  const number = unitPhone(unit);
  return number === null ? "" : `${words.value.desk.unitPhone}: ${number}`;
}

/** Which units have had it, the newest first. */
export function Ways({ file }: { file: CaseFile }) {
  const { file: t, act } = words.value.desk;
  const ways = [...(file.assignments ?? [])].reverse();
  if (ways.length === 0) return null;
  return (
    <section class="panel" aria-label={t.assignments}>
      <h2>{t.assignments}</h2>
      <ul class="cases-beside">
        {ways.map((one) => (
          <li key={`${one.unit}-${one.sent_at}`}>
            <span>
              <b>{unitName(one.unit)}</b> {word(t.states, one.state)}
              {one.officer && ` · ${one.officer}`}
            </span>
            <span class="quiet-text">
              {[
                dayAndTime(one.sent_at),
                one.reason && word(act.reasons, one.reason),
                one.better && t.better(unitName(one.better)),
                one.state === "sent" && toRing(one.unit),
              ]
                .filter(Boolean)
                .join(" · ")}
            </span>
            {one.instruction && <blockquote>{one.instruction}</blockquote>}
          </li>
        ))}
      </ul>
    </section>
  );
}
