/** The fields that are written down of a case: what stands in them, and what is sent. */
import type { CaseFile, ReporterPhone } from "../api/types";

/** As typed: all text, or yes and no. Times of day are `17:00`. */
export interface Typed {
  topic: string;
  province: string;
  regency: string;
  incident_on: string;
  workers: string;
  secret: boolean;
  narrative: string;
  summary: string;
  employer: string;
  name: string;
  minor: boolean;
  phone: string;
  shared: boolean;
  may_message: boolean;
  may_call: boolean;
  safe_from: string;
  safe_until: string;
  call_from: string;
  call_until: string;
}

export type TypedName = keyof Typed;

/** What has to be changeable of a case for a field to be. */
const GROUP: Record<TypedName, string> = {
  topic: "public",
  province: "public",
  regency: "public",
  incident_on: "public",
  workers: "public",
  secret: "secrecy",
  narrative: "narrative",
  summary: "notes",
  employer: "employer",
  name: "name",
  minor: "name",
  phone: "phones",
  shared: "phones",
  may_message: "phones",
  may_call: "phones",
  safe_from: "phones",
  safe_until: "phones",
  call_from: "phones",
  call_until: "phones",
};

export const NAMES = Object.keys(GROUP) as TypedName[];

export const EMPTY: Typed = {
  topic: "",
  province: "",
  regency: "",
  incident_on: "",
  workers: "",
  secret: true,
  narrative: "",
  summary: "",
  employer: "",
  name: "",
  minor: false,
  phone: "",
  shared: false,
  may_message: false,
  may_call: false,
  safe_from: "",
  safe_until: "",
  call_from: "",
  call_until: "",
};

/** The fields of `file` that somebody may change. */
export const changeable = (file: CaseFile): TypedName[] =>
  NAMES.filter((name) => file.may[GROUP[name]] === "change");

/** What stands in the fields of a case. */
export function stands(file: CaseFile): Typed {
  const contact = file.safe_contact;
  return {
    topic: file.topic ?? "",
    province: file.province ?? "",
    regency: file.regency ?? "",
    incident_on: file.incident_on ?? "",
    workers: file.workers == null ? "" : String(file.workers),
    secret: file.secret ?? true,
    narrative: file.narrative ?? "",
    summary: file.summary ?? "",
    employer: file.employer ?? "",
    name: file.name ?? "",
    minor: file.minor ?? false,
    phone: file.phones?.[0]?.number ?? "",
    shared: file.phones?.[0]?.shared ?? false,
    may_message: contact?.may_message ?? false,
    may_call: contact?.may_call ?? false,
    safe_from: clock(contact?.safe_from),
    safe_until: clock(contact?.safe_until),
    call_from: clock(contact?.call_from),
    call_until: clock(contact?.call_until),
  };
}

/** The body of a request that writes `typed` over `before`; of a case's other phones nothing is lost. */
export function written(
  typed: Partial<Typed>,
  before: Typed,
  phones: readonly ReporterPhone[] = [],
): Record<string, unknown> {
  const next = { ...before, ...typed };
  const body: Record<string, unknown> = {};
  const changed = NAMES.filter((name) => next[name] !== before[name]);
  for (const name of changed) {
    if (name === "workers") body.workers = next.workers === "" ? null : Number(next.workers);
    else if (!(name in PERSONAL)) body[name] = next[name];
  }
  if (changed.includes("phone") || (changed.includes("shared") && next.phone !== "")) {
    const first = next.phone.trim() === "" ? [] : [{ number: next.phone, shared: next.shared }];
    body.phones = [...first, ...phones.slice(1)];
  }
  const contact = changed.filter(
    (name) => name in PERSONAL && name !== "phone" && name !== "shared",
  );
  if (contact.length > 0) {
    // An hour that was emptied is sent empty: what is left out stays as it is.
    body.safe_contact = Object.fromEntries(
      contact.map((name) => {
        const value = next[name];
        return [name, typeof value === "string" ? minutes(value) : value];
      }),
    );
  }
  return body;
}

/**
 * The body of a request that opens a case. Whether its reporter may be contacted is always said:
 * what nobody has ticked, nobody has agreed to. `named`: something is kept of the reporter.
 */
export function opening(typed: Partial<Typed>, named: boolean): Record<string, unknown> {
  const body = written(typed, EMPTY);
  if (!named || !(typed.name || typed.phone)) return body;
  const { may_message = false, may_call = false } = typed;
  return { ...body, safe_contact: { ...(body.safe_contact as object), may_message, may_call } };
}

/** Fields that are sent together. */
const PERSONAL: Partial<Record<TypedName, true>> = {
  phone: true,
  shared: true,
  may_message: true,
  may_call: true,
  safe_from: true,
  safe_until: true,
  call_from: true,
  call_until: true,
};

/** Minutes since midnight as `17:00`. */
export function clock(minutes: number | null | undefined): string {
  if (minutes == null) return "";
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

function minutes(time: string): number | "" {
  const found = /^(\d\d):(\d\d)/.exec(time);
  return found ? Number(found[1]) * 60 + Number(found[2]) : "";
}
