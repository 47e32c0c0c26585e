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
  version: number;
}

export type Channel = "sms" | "whatsapp";

/** How the case number can be sent to the caller now, and what became of it. */
export interface Telling {
  channels: Channel[];
  latest: { channel: string; state: string; reason: string | null } | null;
}

export interface Call {
  id: string;
  state: "connecting" | "talking" | "held" | "ended";
  since: number;
  answered_at: number | null;
  caller: string | null;
  line: string;
  topic: Topic | null;
  language: Language | null;
  chose: string[];
  leg: string | null;
  case: CaseDraft | null;
  message?: Telling | null;
}

export interface WrapUp {
  call: string;
  since: number;
  until: number;
  case: CaseDraft | null;
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
  topics: TopicLoad[];
  agents: BoardAgent[];
  today: Today;
  by_hour: Hour[];
}

// --- cases ------------------------------------------------------------------------------------

export interface CaseRow {
  number: string;
  topic: string;
  status: string;
  opened_at: number;
  updated_at: number;
  custodian: string | null;
  calls: number;
}

export interface CasePage {
  cases: CaseRow[];
  total: number;
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
}

/** `GET /api/cases/NUMBER`. What somebody may not see is not there. */
export interface CaseView {
  number: string;
  topic: string;
  narrative?: string;
  name?: string;
  employer?: string;
  status: string;
  opened_at: number;
  updated_at: number;
  version: number;
  custodian: string | null;
  calls?: CaseCall[];
  recordings?: CaseRecording[];
  timeline?: CaseEvent[];
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

/** What every refusal looks like. `current` comes with a `stale` case. */
export interface ErrorBody {
  error: {
    code: string;
    message: string;
    fields?: Record<string, string>;
    current?: CaseDraft;
  };
}
