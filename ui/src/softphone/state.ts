/**
 * What the softphone in the page is doing, as a table: which event leads where.
 *
 * The state is what the agent may rely on: `registered` only while the phone network has our
 * registration, `up` only while sound can flow.
 */

export type Registration = "off" | "connecting" | "registered" | "refused" | "lost";
export type SessionState = "none" | "ringing" | "answering" | "up";
/** What the agent can do something about. */
export type Problem = "microphone" | "sound" | null;

export interface PhoneState {
  registration: Registration;
  session: SessionState;
  muted: boolean;
  held: boolean;
  problem: Problem;
}

/** JsSIP's events in our words (left), and what we do ourselves. */
export type PhoneEvent =
  | "start"
  | "stop"
  | "connected"
  | "disconnected"
  | "registered"
  | "unregistered"
  | "registration_failed"
  | "incoming"
  | "answer"
  | "confirmed"
  | "over"
  | "mute"
  | "unmute"
  | "hold"
  | "unhold"
  | "microphone_refused"
  | "sound_lost"
  | "sound_back";

export const OFF: PhoneState = {
  registration: "off",
  session: "none",
  muted: false,
  held: false,
  problem: null,
};

const NO_SESSION = { session: "none", muted: false, held: false, problem: null } as const;

/** What each event changes, wherever we are. */
const CHANGES: Record<PhoneEvent, Partial<PhoneState>> = {
  start: { registration: "connecting" },
  stop: OFF,
  connected: { registration: "connecting" },
  // The talk may well go on without the signalling; only its end would show it is over.
  disconnected: { registration: "lost" },
  registered: { registration: "registered" },
  unregistered: { registration: "lost" },
  registration_failed: { registration: "refused" },
  incoming: { session: "ringing", muted: false, held: false, problem: null },
  answer: { session: "answering" },
  confirmed: { session: "up" },
  over: NO_SESSION,
  mute: { muted: true },
  unmute: { muted: false },
  hold: { held: true },
  unhold: { held: false },
  microphone_refused: { ...NO_SESSION, problem: "microphone" },
  sound_lost: { problem: "sound" },
  sound_back: { problem: null },
};

/** Events that mean something only in these states of the talk; elsewhere they change nothing. */
const ONLY_IN: Partial<Record<PhoneEvent, readonly SessionState[]>> = {
  incoming: ["none"],
  answer: ["ringing"],
  confirmed: ["answering", "ringing"],
  mute: ["up"],
  unmute: ["up"],
  hold: ["up"],
  unhold: ["up"],
  sound_lost: ["up"],
  sound_back: ["up"],
};

/** The state after `event`; the same object when it changes nothing. */
export function after(state: PhoneState, event: PhoneEvent): PhoneState {
  const where = ONLY_IN[event];
  if (where !== undefined && !where.includes(state.session)) return state;
  if (event !== "start" && event !== "stop" && state.registration === "off") return state;
  // A phone that lost its connection says so once more when it gives up trying to register.
  if (event === "registration_failed" && state.registration === "lost") return state;
  return { ...state, ...CHANGES[event] };
}
