import { expect, test } from "vitest";
import type { AgentState, Device } from "../src/api/types";
import { type Circumstances, type Reach, reach, toneOf } from "../src/console/availability";
import { OFF, type PhoneState } from "../src/softphone/state";

const simulated: Device = { kind: "simulated", up: true, account: null };
const browser: Device = { kind: "browser", up: true, account: null };
const registered: PhoneState = { ...OFF, registration: "registered" };

const fine: Circumstances = {
  link: "live",
  leader: "leader",
  phone: OFF,
  microphone: "granted",
  state: "ready",
  device: simulated,
  dialling: false,
  talksHere: false,
};

const cases: [string, Partial<Circumstances>, Reach][] = [
  ["all is well", {}, "yes"],
  ["the browser's phone is registered", { device: browser, phone: registered }, "yes"],
  ["the citizen is being called", { state: "offered", dialling: true }, "dialling"],
  ["the server is not there", { link: "lost" }, "lost"],
  ["the server is not there while talking", { link: "lost", state: "talking" }, "lostTalking"],
  ["another tab has the phone", { leader: "follower" }, "otherTab"],
  ["the phone is not registered yet", { device: browser }, "phoneConnecting"],
  [
    "the phone lost its connection",
    { device: browser, phone: { ...OFF, registration: "lost" } },
    "phoneLost",
  ],
  [
    "the phone network refuses",
    { device: browser, phone: { ...OFF, registration: "refused" } },
    "phoneRefused",
  ],
  [
    "the microphone is blocked",
    { device: browser, phone: registered, microphone: "denied" },
    "microphone",
  ],
  [
    "registered, and the server has not heard of it",
    { device: { ...browser, up: false }, phone: registered },
    "phoneConnecting",
  ],
  [
    "in a talk that our phone is no longer in",
    { state: "talking", device: browser, phone: registered, talksHere: true },
    "talkSilent",
  ],
  ["of a desk phone nothing is known", { device: { ...simulated, kind: "sip", up: false } }, "yes"],
  ["paused: the phone does not matter", { state: "paused", device: browser }, "paused"],
];

test.each(cases)("%s", (_name, change, expected) => {
  expect(reach({ ...fine, ...change })).toBe(expected);
});

test("green only when a call can come in", () => {
  const states: AgentState[] = ["offline", "paused", "ready", "offered", "talking", "wrap_up"];
  const green = states.filter((state) => toneOf(reach({ ...fine, state })) === "good");
  expect(green).toEqual(["ready"]);
  for (const [, change, expected] of cases) {
    expect(toneOf(reach({ ...fine, ...change })) === "good").toBe(expected === "yes");
  }
});
