import { expect, test } from "vitest";
import type { CaseFile } from "../src/api/types";
import { changeable, clock, EMPTY, opening, stands, written } from "../src/cases/writing";

const file: CaseFile = {
  number: "2648151621",
  may: { public: "change", employer: "change", narrative: "see", name: "see", phones: "change" },
  can: [],
  version: 4,
  topic: "upah",
  employer: "CV Contoh",
  narrative: "Upah belum dibayar.",
  workers: null,
  secret: true,
  name: "Siti",
  phones: [
    { number: "+628111000222", shared: false },
    { number: "+628111000333", shared: true },
  ],
  safe_contact: {
    may_message: true,
    may_call: false,
    safe_from: 17 * 60,
    safe_until: 20 * 60 + 30,
    call_from: null,
    call_until: null,
    zone: "Asia/Jakarta",
  },
};
const before = stands(file);

test("what stands in a case stands in its fields", () => {
  expect(before).toMatchObject({
    topic: "upah",
    workers: "",
    phone: "+628111000222",
    may_message: true,
    may_call: false,
    safe_from: "17:00",
    safe_until: "20:30",
  });
  expect(written({}, before, file.phones)).toEqual({});
});

test("only what was changed is written, an emptied text as empty", () => {
  const typed = { employer: "", topic: "upah", secret: false, workers: "20" };
  expect(written(typed, before)).toEqual({ employer: "", secret: false, workers: 20 });
});

test("another number leaves the second one as it is", () => {
  expect(written({ phone: "0811 1000 999" }, before, file.phones)).toEqual({
    phones: [
      { number: "0811 1000 999", shared: false },
      { number: "+628111000333", shared: true },
    ],
  });
  expect(written({ phone: "" }, before, file.phones)).toEqual({
    phones: [{ number: "+628111000333", shared: true }],
  });
});

test("an hour that is emptied is sent empty, because what is left out stays", () => {
  expect(written({ safe_until: "" }, before)).toEqual({ safe_contact: { safe_until: "" } });
});

test("hours go as minutes, and only the changed ones", () => {
  expect(written({ safe_until: "21:15", may_call: true }, before)).toEqual({
    safe_contact: { safe_until: 21 * 60 + 15, may_call: true },
  });
  expect(clock(0)).toBe("00:00");
  expect(clock(24 * 60)).toBe("00:00");
});

test("only fields that may be changed are there", () => {
  const names = changeable(file);
  expect(names).toContain("employer");
  expect(names).toContain("phone");
  expect(names).not.toContain("narrative");
  expect(names).not.toContain("name");
  expect(names).not.toContain("summary");
});

test("of a new case's reporter it is always said whether they may be contacted", () => {
  const typed = { topic: "upah", name: "Siti", phone: "0811" };
  expect(opening(typed, true)).toMatchObject({
    safe_contact: { may_message: false, may_call: false },
  });
  expect(opening({ ...typed, may_message: true, safe_from: "17:00" }, true).safe_contact).toEqual({
    may_message: true,
    may_call: false,
    safe_from: 17 * 60,
  });
});

test("nothing is written of a reporter of whom nothing is known", () => {
  expect(opening({ topic: "upah" }, true)).toEqual({ topic: "upah" });
  expect(opening({ topic: "upah" }, false)).not.toHaveProperty("safe_contact");
  expect(EMPTY.secret).toBe(true);
});
