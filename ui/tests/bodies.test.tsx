import { expect, test } from "vitest";
import type { Call } from "../src/api/types";
import { atNoon, CALL, NOON, panel } from "./panel";

const kp2mi = {
  code: "KP2MI",
  label: { id: "Kementerian Pelindungan Pekerja Migran", en: "Ministry for migrant workers" },
  numbers: ["0-800-1000", "+62 21 2924 4800"],
  hours: "00:00-24:00",
  call: "+62 21 2924 4800",
};
const talk: Call = { ...CALL, line: "asterisk", bodies: [kp2mi] };

atNoon();

function talking(call: Call): HTMLElement {
  return panel({ call });
}

function buttons(place: HTMLElement): string[] {
  return [...place.querySelectorAll("button")].map((one) => one.textContent?.trim() ?? "");
}

test("a body that can be called has a button, another one only its numbers", () => {
  expect(buttons(talking(talk))).toContain("Sambungkan");
  const dumb = talking({ ...talk, bodies: [{ ...kp2mi, call: null }] });
  expect(buttons(dumb)).not.toContain("Sambungkan");
  expect(dumb.textContent).toContain("0-800-1000");
});

test("before the talk nobody is brought in", () => {
  const place = talking({ ...talk, state: "connecting", answered_at: null });
  const button = [...place.querySelectorAll("button")].find(
    (one) => one.textContent === "Sambungkan",
  );
  expect(button?.disabled).toBe(true);
});

test("while it rings it can be cancelled; in the talk the agent hands over", () => {
  const joined = { code: "KP2MI", label: kp2mi.label, since: NOON };
  const rings = talking({ ...talk, joined: { ...joined, state: "ringing" } });
  expect(rings.querySelector(".joined")?.textContent).toContain("Dihubungi");
  expect(buttons(rings)).toEqual(["Batalkan", "Tutup panggilan F9"]);
  const talks = talking({ ...talk, joined: { ...joined, state: "talking" } });
  expect(buttons(talks)).toEqual(["Lepaskan", "Serahkan ke KP2MI F9"]);
});

test("who is in the talk is shown although it is about something else now", () => {
  const joined = { code: "KP2MI", label: kp2mi.label, since: NOON, state: "talking" as const };
  const place = talking({ ...talk, bodies: [], joined });
  expect(place.querySelector(".bodies")?.textContent).toContain("Pekerja Migran");
  expect(buttons(place)).toContain("Lepaskan");
});
