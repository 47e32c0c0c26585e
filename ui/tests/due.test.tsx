import { render } from "preact";
import { beforeEach, expect, test } from "vitest";
import { Due } from "../src/cases/Small";
import { language, setLanguage } from "../src/i18n";
import { day } from "../src/lib/format";

const DAY = 86_400_000;

function shown(due: number | null, late = 0): [text: string, mark: string] {
  const place = document.createElement("div");
  render(<Due due={due} late={late} />, place);
  return [place.textContent ?? "", place.firstElementChild?.className ?? ""];
}

beforeEach(() => setLanguage("id"));

test("what is late says by how many working days, in red", () => {
  expect(shown(Date.now() - 6 * DAY, 4)).toEqual(["terlambat 4 hari kerja", "age tooLong"]);
  // Past its moment, and no working day has gone by yet.
  expect(shown(Date.now() - 1000)).toEqual(["lewat hari ini", "age tooLong"]);
});

test("what is not late says its day, and nothing where nobody owes anything", () => {
  const due = Date.now() + 9 * DAY;
  expect(shown(due)).toEqual([day(due, language.value), ""]);
  expect(shown(null)[0]).toBe("–");
});
