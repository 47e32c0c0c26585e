import { render } from "preact";
import { expect, test, vi } from "vitest";
import type { BoardView, Call, Offer, Owed, Today } from "../src/api/types";
import { Board } from "../src/board/Board";
import { timeOfDay } from "../src/lib/format";
import { atNoon, CALL, made, NOON, panel, TOPIC } from "./panel";

const HOUR = 3_600_000;

const offer: Offer = {
  id: "o1",
  call: "c1",
  topic: TOPIC,
  language: "id",
  caller: "+6281110002220",
  line: "simulator",
  waited_ms: 2 * HOUR,
  offered_at: NOON,
  rang_at: null,
  expires_at: null,
  callback: true,
  tries: 1,
};
const call: Call = { ...CALL, state: "dialling", answered_at: null };

atNoon();

test("an offer to call back says so, which try it is, and since when the place is had", () => {
  const shown = panel({ offer });
  expect(shown.querySelector(".eyebrow")?.textContent).toBe("Telepon kembali");
  expect(shown.querySelector(".facts")?.textContent).toContain("Percobaanke-2");
  expect(shown.querySelector("button.go")?.textContent).toContain("Telepon warga");
  expect(shown.textContent).toContain("Warga ditelepon setelah Anda menerima");
  expect(shown.querySelector(".facts")?.textContent).toContain(
    `Tempat sejak${timeOfDay(NOON - 2 * HOUR, "id")}`,
  );
});

test("a place from another day is shown with its day", () => {
  const shown = panel({ offer: { ...offer, waited_ms: 26 * HOUR } });
  expect(shown.querySelector(".facts")?.textContent).toContain("Tempat sejak23 Nov 2026, ");
});

test("somebody who waits on the line is a call that comes in, as ever", () => {
  const shown = panel({ offer: { ...offer, callback: false, tries: 0 } });
  expect(shown.querySelector(".eyebrow")?.textContent).toBe("Panggilan masuk");
  expect(shown.querySelector("button.go")?.textContent).toContain("Jawab");
  expect(shown.textContent).not.toContain("setelah Anda menerima");
});

test("while the citizen is called the panel says so without alarm, and can be left", () => {
  const shown = panel({ call });
  expect(shown.querySelector(".talk-state")?.textContent).toBe("Menelepon warga …");
  expect(shown.querySelector(".timer")?.textContent).toBe("–:––");
  expect(shown.querySelector(".talk-warning")?.className).toContain("calm");
  expect(shown.querySelector("button.stop")).not.toBeNull();
});

// --- the board --------------------------------------------------------------------------------

const today: Today = {
  arrived: 0,
  answered: 0,
  abandoned: 0,
  abandoned_short: 0,
  left: 0,
  callbacks: 14,
  called_back: 10,
  given_up: 3,
  messages: 0,
  cases: 0,
  in_ivr: 0,
  talking: 0,
  longest_wait_s: null,
  average_wait_s: null,
  service_level: null,
  abandon_rate: null,
};

async function board(callbacks: Owed[]): Promise<HTMLElement> {
  const view: BoardView = {
    seq: 1,
    at: NOON,
    waiting: [],
    callbacks,
    topics: [{ ...TOPIC, waiting: 0, longest_since: null, ready: 0 }],
    agents: [],
    today,
    by_hour: [],
  };
  vi.stubGlobal("fetch", async () => Response.json(view));
  vi.stubGlobal(
    "WebSocket",
    class {
      close() {}
    },
  );
  const place = made();
  render(<Board />, place);
  await vi.waitFor(() => expect(place.querySelector(".board-grid")).not.toBeNull());
  vi.unstubAllGlobals();
  return place;
}

const owed = (n: number, change: Partial<Owed> = {}): Owed => ({
  entry: `e${n}`,
  topic: "upah",
  since: NOON - n * HOUR,
  state: "waiting",
  tries: 0,
  ...change,
});

test("the board lists who is to be called back, the oldest first, with what goes on", async () => {
  const shown = await board([owed(1), owed(2, { state: "dialled", tries: 2 })]);
  const rows = [...shown.querySelectorAll(".owed tbody tr")].map((row) => row.textContent);
  expect(rows).toEqual([
    `Upahsedang ditelepon${timeOfDay(NOON - 2 * HOUR, "id")}2`,
    `Upah${timeOfDay(NOON - HOUR, "id")}0`,
  ]);
  expect(shown.querySelector(".owed")?.textContent).not.toContain("lagi");
});

test("many are counted, and none leaves no trace but the figures of today", async () => {
  const many = await board([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => owed(n)));
  expect(many.querySelectorAll(".owed tbody tr").length).toBe(8);
  expect(many.querySelector(".owed")?.textContent).toContain("dan 2 lagi");
  const none = await board([]);
  expect(none.querySelector(".owed")).toBeNull();
  const tiles = [...none.querySelectorAll(".tile")].map((tile) => tile.textContent);
  expect(tiles).toContain("Tempat disimpan14menutup, akan ditelepon kembali");
  expect(tiles).toContain("Terhubung kembali10ditelepon dan tercapai");
  expect(tiles).toContain("Tidak terhubung3tidak akan ditelepon lagi");
});
