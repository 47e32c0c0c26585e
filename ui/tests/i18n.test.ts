import { expect, test } from "vitest";
import { ApiError, Unreachable } from "../src/api/http";
import { dictionaries, explain, language, setLanguage, word, words } from "../src/i18n";

type Tree = { [key: string]: Tree | string | ((...values: never[]) => string) };

/** Every leaf as `path: kind`; a function is called to see that it uses what it is given. */
function leaves(tree: Tree, path = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] => {
    const here = `${path}.${key}`;
    if (typeof value === "string") return [[here, value]];
    if (typeof value === "function") {
      const values = Array.from({ length: value.length }, (_, i) => `<${i}>`);
      const text = (value as unknown as (...all: string[]) => string)(...values);
      for (const each of values) expect(text, here).toContain(each);
      return [[here, text]];
    }
    return leaves(value, here);
  });
}

const all = (code: "id" | "en") => leaves(dictionaries[code] as unknown as Tree);

test("both dictionaries have the same words, also where the type allows any code", () => {
  expect(all("en").map(([path]) => path)).toEqual(all("id").map(([path]) => path));
});

test("no word is empty", () => {
  for (const code of ["id", "en"] as const) {
    for (const [path, text] of all(code)) expect(text.trim(), `${code}${path}`).not.toBe("");
  }
});

test("sentences are translated, not copied", () => {
  const english = new Map(all("en"));
  const same = all("id").filter(([path, text]) => text.includes(" ") && english.get(path) === text);
  expect(same).toEqual([]);
});

test("the language is kept for the next visit", () => {
  setLanguage("en");
  expect(language.value).toBe("en");
  expect(words.value.signIn.button).toBe("Sign in");
  expect(localStorage.getItem("callcenter.language")).toBe("en");
  setLanguage("id");
});

test("an unknown code stands for itself", () => {
  expect(word(words.value.pause.reasons, "flood")).toBe("flood");
});

test("errors are told in words", () => {
  const { errors } = words.value;
  expect(explain(new Unreachable("x"))).toBe(errors.unreachable);
  expect(explain(new ApiError(403, "forbidden", ""))).toBe(errors.forbidden);
  expect(explain(new ApiError(503, "away", ""))).toBe(errors.server);
  expect(explain(new ApiError(422, "invalid", "", { employer: "too long" }))).toContain(
    "employer: too long",
  );
  expect(explain(new TypeError("bug"))).toBe(errors.server);
});

test("a message that was refused is explained in words", () => {
  const refused = new ApiError(409, "message_refused", "it may not be sent", {
    channel: "opted_out",
  });
  expect(explain(refused)).toContain(words.value.inWriting.reasons.opted_out);
});
