/**
 * The documents of the HTTP interface, as the pages read them.
 *
 * Times are UTC epoch milliseconds unless the name ends in `_s` or `_ms` (a duration).
 */

export type Language = "id" | "en";
export type Role = "agent" | "supervisor" | "officer" | "admin";
export type Label = Readonly<Record<Language, string>>;

export interface Topic {
  code: string;
  label: Label;
  /** The topic that callers choose, where this one is for cases alone. */
  within?: string;
}

export interface Account {
  id: string;
  username: string;
  name: string;
  role: Role;
  language: Language;
}

export interface Me {
  account: Account;
  csrf: string;
}

// --- agent ------------------------------------------------------------------------------------

export type AgentState = "offline" | "paused" | "ready" | "offered" | "talking" | "wrap_up";
export type DeviceKind = "browser" | "sip" | "phone" | "simulated";

/** A softphone account that lives as long as the sign-in. */
export interface SoftphoneAccount {
  uri: string;
  username: string;
  password: string;
  ws: string;
  rings_on?: string;
}

/** How the page registers at Twilio; the token is renewed long before it ends. */
export interface VoiceAccount {
  identity: string;
  token: string;
  expires_at: number;
}

export interface Device {
  kind: DeviceKind;
  /** Whether the server sees the phone. */
  up: boolean;
  account: SoftphoneAccount | null;
  voice?: VoiceAccount | null;
}

export interface Agent {
  id: string;
  name: string;
  state: AgentState;
  since: number;
  /** Why paused; while busy it names the pause that is booked for afterwards. */
  reason: string | null;
  topics: Topic[];
  device: Device;
}

export interface Offer {
  id: string;
  call: string;
  topic: Topic;
  language: Language | null;
  caller: string | null;
  line: string;
  waited_ms: number;
  offered_at: number;
  rang_at: number | null;
  expires_at: number | null;
  leg?: string | null;
  /** The caller hung up and kept the place, had for `waited_ms`; who accepts has them called. */
  callback: boolean;
  /** How often they were called. */
  tries: number;
}

export interface CaseForm {
  topic: string;
  reporter_name: string;
  employer: string;
  narrative: string;
}

/** A case as its agent writes it. */
export interface CaseDraft extends CaseForm {
  number: string;
  /** Told once, when the case is new; null afterwards. */
  pin: string | null;
  status: string;
  anonymous: boolean;
  version: number;
}

/** A new PIN for a reporter who lost it: shown this once. */
export interface NewPin {
  number: string;
  pin: string;
}

export type Channel = "sms" | "whatsapp";

/** How the case number can be sent to the caller now, and what became of it. */
export interface Telling {
  channels: Channel[];
  latest: { channel: string; state: string; reason: string | null } | null;
}

/** A body outside. `call`: the number that brings it into the talk; null: it can't be called. */
export interface HelpfulBody {
  code: string;
  label: Label;
  numbers: string[];
  hours: string;
  call: string | null;
}

export interface Call {
  id: string;
  /** `dialling`: the caller, who kept the place, is being called. */
  state: "connecting" | "dialling" | "talking" | "held" | "ended";
  since: number;
  answered_at: number | null;
  caller: string | null;
  line: string;
  topic: Topic | null;
  language: Language | null;
  chose: string[];
  leg: string | null;
  case: CaseDraft | null;
  /** Cases that were opened in this call besides `case`. */
  others: CaseDraft[];
  /** Bodies outside that may help with what it is about. */
  bodies: HelpfulBody[];
  /** The one that is brought into the talk. */
  joined: { code: string; label: Label; state: "ringing" | "talking"; since: number } | null;
  message?: Telling | null;
}

export interface WrapUp {
  call: string;
  since: number;
  until: number;
  case: CaseDraft | null;
  others: CaseDraft[];
  message?: Telling | null;
}

export interface Outcome {
  code: string;
  label: Label;
}

/** `GET /api/agent`: all that the console shows. */
export interface ConsoleView {
  seq: number;
  agent: Agent;
  offer: Offer | null;
  call: Call | null;
  wrap_up: WrapUp | null;
  outcomes: Outcome[];
  today: { answered: number; missed: number };
}

// --- board ------------------------------------------------------------------------------------

export interface Waiting {
  entry: string;
  topic: string;
  since: number;
  state: "waiting" | "offered";
}

/** Somebody who is to be called back, in the place that they have had `since`. */
export interface Owed {
  entry: string;
  topic: string;
  since: number;
  state: "waiting" | "offered" | "dialled";
  /** How often they were called. */
  tries: number;
}

export interface TopicLoad extends Topic {
  waiting: number;
  longest_since: number | null;
  ready: number;
}

export interface BoardAgent {
  id: string;
  name: string;
  state: AgentState;
  since: number;
  topic?: string | null;
  reason?: string | null;
}

export interface Today {
  arrived: number;
  answered: number;
  abandoned: number;
  /** Of the abandoned: those who hardly waited. */
  abandoned_short: number;
  /** Left the queue by a key or a time limit. */
  left: number;
  /** Hung up and keep the place; of those: reached, and never reached. */
  callbacks: number;
  called_back: number;
  given_up: number;
  messages: number;
  cases: number;
  in_ivr: number;
  talking: number;
  longest_wait_s: number | null;
  average_wait_s: number | null;
  /** Shares, 0..1. */
  service_level: number | null;
  abandon_rate: number | null;
}

export interface Hour {
  hour: number;
  arrived: number;
  answered: number;
  abandoned: number;
}

/** `GET /api/board`. */
export interface BoardView {
  seq: number;
  at: number;
  waiting: Waiting[];
  callbacks: Owed[];
  topics: TopicLoad[];
  agents: BoardAgent[];
  today: Today;
  by_hour: Hour[];
}

// --- cases ------------------------------------------------------------------------------------

export type ListName = "mine" | "unit" | "triage" | "to_phone" | "all";

/** `GET /api/desk`. Counts up to 1,000, which stands for that many or more. */
export interface DeskView {
  unit: string | null;
  unit_name: string | null;
  head: boolean;
  lists: { list: ListName; count: number; late: number }[];
  officers: { id: string; name: string }[];
}

export interface CaseRow {
  number: string;
  topic: string;
  status: string;
  wait: string | null;
  unit: string;
  officer: string | null;
  priority: string;
  opened_at: number;
  updated_at: number;
  due_at: number | null;
  late_days: number;
  accepted: boolean;
  compartment: string;
  custodian: string | null;
  calls: number;
}

/** `GET /api/desk/cases`, `POST /api/desk/search`. */
export interface CasePage {
  cases: CaseRow[];
  total: number;
  /** A search did not look at all that there may be: one word more may find others. */
  more: boolean;
  page: number;
}

export interface CaseCall {
  id: string;
  role: string;
  at: number;
  line: string;
  lasted_s: number | null;
  agent: string | null;
}

export interface CaseAttachment {
  id: string;
  name: string;
  kind: "pdf" | "jpeg" | "png" | "webp";
  /** In bytes. */
  size: number;
  by: string | null;
  at: number;
}

export interface CaseRecording {
  name: string;
  seconds: number;
  at: number;
}

export type FactData = Readonly<Record<string, string | number | boolean>>;

export interface CaseEvent {
  at: number;
  kind: string;
  by: string | null;
  data: FactData;
  /** Of a note. */
  text?: string | null;
}

/** An event that may be done now; `reasons`: what the reporter hears, null where any code does. */
export interface Possible {
  event: string;
  needs: string[];
  optional: string[];
  reasons: Record<string, Label> | null;
}

export interface CaseClock {
  kind: string;
  unit: string | null;
  started: number;
  due: number;
  stopped: number | null;
  standing: boolean;
  used: number;
  late_days: number;
}

export interface Assignment {
  unit: string;
  state: string;
  officer: string | null;
  reason: string | null;
  better: string | null;
  sent_at: number;
  phone_from: number;
  ended_at: number | null;
  instruction?: string | null;
}

export interface LinkedCase {
  number: string;
  topic: string;
  status: string;
  unit: string;
  opened_at: number;
  what: string;
}

export interface ReporterPhone {
  number: string;
  shared: boolean;
}

/** Minutes since midnight in `zone`. */
export interface SafeContact {
  may_message: boolean | null;
  may_call: boolean | null;
  safe_from: number | null;
  safe_until: number | null;
  call_from: number | null;
  call_until: number | null;
  zone: string | null;
}

/** `GET /api/cases/NUMBER`. What somebody may not see is not there. */
export interface CaseFile {
  number: string;
  may: Readonly<Record<string, "see" | "change">>;
  can: Possible[];
  opened_until?: number | null;
  version?: number;
  status?: string;
  wait?: string | null;
  /** How it came to us. */
  channel?: string;
  topic?: string;
  track?: string;
  priority?: string;
  compartment?: string;
  anonymous?: boolean;
  secret?: boolean;
  gathers?: boolean;
  unit?: string;
  officer?: string | null;
  custodian?: string | null;
  language?: string;
  province?: string | null;
  regency?: string | null;
  incident_on?: string | null;
  workers?: number | null;
  outcome?: string | null;
  opened_at?: number;
  updated_at?: number;
  due_at?: number | null;
  late_days?: number;
  public_note?: string | null;
  clocks?: CaseClock[];
  statutes?: { code: string; on: string; until: string }[];
  route?: { unit: string; way: string; why: string; also: string[] } | null;
  references?: { system: string; ref: string | null; at: number; result_at: number | null }[];
  narrative?: string;
  summary?: string;
  employer?: string;
  name?: string;
  minor?: boolean;
  phones?: ReporterPhone[];
  safe_contact?: SafeContact | null;
  /** From when on the reporter may be rung up; missing: never. */
  call_at?: number | null;
  assignments?: Assignment[];
  linked?: LinkedCase[];
  calls?: CaseCall[];
  attachments?: CaseAttachment[];
  recordings?: CaseRecording[];
  timeline?: CaseEvent[];
}

type Value = string | number | boolean | null;

/** What somebody changed: field → what it was, and what it is. */
export interface CaseChange {
  version: number;
  at: number;
  by: string | null;
  fields: Record<string, [Value, Value]>;
}

/** `GET /api/cases/NUMBER/duplicates`. */
export interface Duplicates {
  /** `parent`: of many reporters, the case that gathers them; null: it has to be opened first. */
  suggestions: { kind: "same" | "mass" | "person"; cases: LinkedCase[]; parent: string | null }[];
}

export interface Unit {
  code: string;
  name: string;
  level: string;
  /** Of its desk. */
  phone: string | null;
  external: boolean;
}

/** `GET /api/units`. */
export interface UnitsView {
  units: Unit[];
  provinces: Record<string, string>;
  triage: string;
}

/** A body outside. */
export interface OutsideBody {
  code: string;
  label: Label;
  numbers: { dial: string; show: string; reach: string; verified: boolean }[];
  topics: string[];
  hours: string;
  emergency: boolean;
  unit: string | null;
}

// --- simulator --------------------------------------------------------------------------------

export type SimulatedWait = "keys" | "recording" | "music" | "room" | "prompts_end" | "gone";

export interface Heard {
  n: number;
  text: string;
  language: Language;
  sound: string | null;
}

/** `GET /simulator/calls/ID`. */
export interface SimulatedCall {
  state: "ringing" | "up" | "gone";
  heard: Heard[];
  line: string;
  wait: SimulatedWait | null;
  from: string | null;
  to: string;
}

/** What every refusal looks like. A `stale` case comes with `current`, or with `changes`. */
export interface ErrorBody {
  error: {
    code: string;
    message: string;
    fields?: Record<string, string>;
    current?: CaseDraft;
    changes?: CaseChange[];
  };
}
