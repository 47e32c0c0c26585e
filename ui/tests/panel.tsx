/** The left of the console at noon, for tests of what it shows. */
import { render } from "preact";
import { beforeEach, vi } from "vitest";
import type { Call, ConsoleView } from "../src/api/types";
import { CallPanel } from "../src/console/CallPanel";
import { ConsoleStore } from "../src/console/store";
import { setLanguage } from "../src/i18n";

export const NOON = new Date(2026, 10, 24, 12).getTime();
export const TOPIC = { code: "upah", label: { id: "Upah", en: "Wages" } };

const places: HTMLElement[] = [];

/** A place that is emptied after the test: what is on the page listens to keys. */
export function made(): HTMLElement {
  const place = document.createElement("div");
  places.push(place);
  return place;
}

/** A talk with somebody about wages. */
export const CALL: Call = {
  id: "c1",
  state: "talking",
  since: NOON,
  answered_at: NOON,
  caller: "+6281110002220",
  line: "simulator",
  topic: TOPIC,
  language: "id",
  chose: [],
  leg: null,
  case: null,
  others: [],
  bodies: [],
  joined: null,
};

export function panel(change: Partial<ConsoleView>): HTMLElement {
  const view: ConsoleView = {
    seq: 1,
    agent: {
      id: "a1",
      name: "Sari",
      state: "offered",
      since: 0,
      reason: null,
      topics: [TOPIC],
      device: { kind: "browser", up: true, account: null },
    },
    offer: null,
    call: null,
    wrap_up: null,
    outcomes: [],
    today: { answered: 0, missed: 0 },
    ...change,
  };
  const place = made();
  render(<CallPanel store={new ConsoleStore("a1")} view={view} />, place);
  return place;
}

/** It is noon in every test of the file, and Indonesian is spoken. */
export function atNoon(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: NOON, toFake: ["Date"] });
    setLanguage("id");
    return () => {
      for (const place of places.splice(0)) render(null, place);
      vi.useRealTimers();
    };
  });
}
