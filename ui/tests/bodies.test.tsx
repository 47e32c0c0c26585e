import { render } from "preact";
import { beforeEach, expect, test, vi } from "vitest";
import type { Call, ConsoleView } from "../src/api/types";
import { CallPanel } from "../src/console/CallPanel";
import { ConsoleStore } from "../src/console/store";
import { setLanguage } from "../src/i18n";

const NOON = new Date(2026, 10, 24, 12).getTime();
const topic = { code: "pmi", label: { id: "Pekerja migran", en: "Migrant workers" } };
const kp2mi = {
  code: "KP2MI",
  label: { id: "Kementerian Pelindungan Pekerja Migran", en: "Ministry for migrant workers" },
  numbers: ["0-800-1000", "+62 21 2924 4800"],
  hours: "00:00-24:00",
  call: "+62 21 2924 4800",
};
const talk: Call = {
  id: "c1",
  state: "talking",
  since: NOON,
  answered_at: NOON,
  caller: "+85251234567",
  line: "asterisk",
  topic,
  language: "id",
  chose: [],
  leg: null,
  case: null,
  others: [],
  bodies: [kp2mi],
  joined: null,
};

const places: HTMLElement[] = [];

function panel(call: Call): HTMLElement {
  const view: ConsoleView = {
    seq: 1,
    agent: {
      id: "a1",
      name: "Sari",
      state: "talking",
      since: 0,
      reason: null,
      topics: [topic],
      device: { kind: "sip", up: true, account: null },
    },
    offer: null,
    call,
    wrap_up: null,
    outcomes: [],
    today: { answered: 0, missed: 0 },
  };
  const place = document.createElement("div");
  places.push(place);
  render(<CallPanel store={new ConsoleStore("a1")} view={view} />, place);
  return place;
}

function buttons(place: HTMLElement): string[] {
  return [...place.querySelectorAll("button")].map((one) => one.textContent?.trim() ?? "");
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOON, toFake: ["Date"] });
  setLanguage("id");
  return () => {
    for (const place of places.splice(0)) render(null, place);
    vi.useRealTimers();
  };
});

test("a body that can be called has a button, another one only its numbers", () => {
  expect(buttons(panel(talk))).toContain("Sambungkan");
  const dumb = panel({ ...talk, bodies: [{ ...kp2mi, call: null }] });
  expect(buttons(dumb)).not.toContain("Sambungkan");
  expect(dumb.textContent).toContain("0-800-1000");
});

test("before the talk nobody is brought in", () => {
  const place = panel({ ...talk, state: "connecting", answered_at: null });
  const button = [...place.querySelectorAll("button")].find(
    (one) => one.textContent === "Sambungkan",
  );
  expect(button?.disabled).toBe(true);
});

test("while it rings it can be cancelled; in the talk the agent hands over", () => {
  const joined = { code: "KP2MI", label: kp2mi.label, since: NOON };
  const rings = panel({ ...talk, joined: { ...joined, state: "ringing" } });
  expect(rings.querySelector(".joined")?.textContent).toContain("Dihubungi");
  expect(buttons(rings)).toEqual(["Batalkan", "Tutup panggilan F9"]);
  const talks = panel({ ...talk, joined: { ...joined, state: "talking" } });
  expect(buttons(talks)).toEqual(["Lepaskan", "Serahkan ke KP2MI F9"]);
});

test("who is in the talk is shown although it is about something else now", () => {
  const joined = { code: "KP2MI", label: kp2mi.label, since: NOON, state: "talking" as const };
  const place = panel({ ...talk, bodies: [], joined });
  expect(place.querySelector(".bodies")?.textContent).toContain("Pekerja Migran");
  expect(buttons(place)).toContain("Lepaskan");
});
