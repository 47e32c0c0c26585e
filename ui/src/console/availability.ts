/**
 * Whether a call can reach the agent, honestly: the server's view, the phone's and the page's must
 * all agree, and whatever does not is named with what to do about it.
 */
import type { Link } from "../api/live";
import type { AgentState, Device } from "../api/types";
import type { Leadership } from "../softphone/leader";
import type { PhoneState } from "../softphone/state";

export type Microphone = "unknown" | "prompt" | "granted" | "denied";

export interface Circumstances {
  link: Link;
  leader: Leadership;
  phone: PhoneState;
  microphone: Microphone;
  state: AgentState;
  device: Device;
  /** The offer was accepted, and its citizen is being called. */
  dialling: boolean;
  /** The server has us talking through the phone in this page. */
  talksHere: boolean;
}

/** What the indicator says; each names an entry of the dictionary. */
export type Reach =
  | "yes"
  | "offered"
  | "dialling"
  | "talking"
  | "talkSilent"
  | "wrapUp"
  | "paused"
  | "offline"
  | "connecting"
  | "lost"
  | "lostTalking"
  | "otherTab"
  | "microphone"
  | "phoneConnecting"
  | "phoneLost"
  | "phoneRefused";

/** `good`: a call can come, or is here. `idle`: by the agent's own wish. `bad`: something is wrong. */
export type Tone = "good" | "busy" | "idle" | "wait" | "bad";

const BY_STATE: Record<AgentState, Reach> = {
  ready: "yes",
  offered: "offered",
  talking: "talking",
  wrap_up: "wrapUp",
  paused: "paused",
  offline: "offline",
};

const TONES: Record<Reach, Tone> = {
  yes: "good",
  offered: "busy",
  dialling: "busy",
  talking: "busy",
  talkSilent: "bad",
  wrapUp: "busy",
  paused: "idle",
  offline: "idle",
  connecting: "wait",
  lost: "bad",
  lostTalking: "bad",
  otherTab: "bad",
  microphone: "bad",
  phoneConnecting: "wait",
  phoneLost: "bad",
  phoneRefused: "bad",
};

export const toneOf = (reach: Reach): Tone => TONES[reach];

/** The first thing that is in the way, else what the agent's state says. */
export function reach(c: Circumstances): Reach {
  if (c.leader === "follower") return "otherTab";
  if (c.link === "connecting") return "connecting";
  if (c.link === "lost") return c.state === "talking" ? "lostTalking" : "lost";
  if (c.talksHere && c.phone.session === "none") return "talkSilent";
  if (c.state === "offline" || c.state === "paused" || c.state === "wrap_up") {
    return BY_STATE[c.state];
  }
  return phoneTrouble(c) ?? (c.dialling ? "dialling" : BY_STATE[c.state]);
}

function phoneTrouble(c: Circumstances): Reach | null {
  // Whether a desk phone or a telephone number can be reached shows only when it is rung.
  if (c.device.kind !== "browser") return null;
  if (c.microphone === "denied") return "microphone";
  switch (c.phone.registration) {
    case "off":
    case "connecting":
      return "phoneConnecting";
    case "lost":
      return "phoneLost";
    case "refused":
      return "phoneRefused";
    case "registered":
      // The server hears of it a moment later.
      return c.device.up ? null : "phoneConnecting";
  }
}
