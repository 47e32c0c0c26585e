import { expect, test } from "vitest";
import { caseNumber, dayAndTime, duration, phone, pin, timeOfDay } from "../src/lib/format";

test.each([
  ["2648151621", "26 4815 1621"],
  ["26481516", "26481516"],
  ["", ""],
  ["26481516AB", "26481516AB"],
])("a case number is shown as it is spoken: %s", (number, shown) => {
  expect(caseNumber(number)).toBe(shown);
});

test.each([
  ["730946", "730 946"],
  ["73094", "730 94"],
  ["7309", "7309"],
])("a PIN in two halves: %s", (digits, shown) => {
  expect(pin(digits)).toBe(shown);
});

test.each([
  ["+6281234567890", "+62 812 3456 7890"],
  ["+62811000111", "+62 811 000 111"],
  ["1500630", "1500630"],
  ["+31201234567", "+31201234567"],
])("a telephone number: %s", (number, shown) => {
  expect(phone(number)).toBe(shown);
});

test.each([
  [-5, "0:00"],
  [0, "0:00"],
  [59_999, "0:59"],
  [187_000, "3:07"],
  [3_753_000, "1:02:33"],
])("a duration of %i ms", (ms, shown) => {
  expect(duration(ms)).toBe(shown);
});

test("times are written as each language writes them", () => {
  const at = new Date(2026, 10, 3, 10, 32).getTime();
  expect(timeOfDay(at, "id")).toBe("10.32");
  expect(timeOfDay(at, "en")).toBe("10:32");
  expect(dayAndTime(at, "id")).toBe("3 Nov 2026, 10.32");
});
