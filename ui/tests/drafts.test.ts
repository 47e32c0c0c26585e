import { expect, test } from "vitest";
import { drafts } from "../src/cases/drafts";
import { me } from "../src/shell/session";

const account = {
  id: "a",
  username: "rina",
  name: "Rina",
  role: "officer",
  language: "id",
} as const;

test("what was typed is gone when somebody signs out, and kept while they are there", () => {
  me.value = { account, csrf: "x" };
  drafts.set("2648151621/note", { text: "Sudah ditelepon." });
  me.value = { account: { ...account, language: "en" }, csrf: "x" };
  expect(drafts.size).toBe(1);
  me.value = null;
  expect(drafts.size).toBe(0);
});

test("leaving with something typed is asked about", () => {
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  drafts.clear();
  expect(leave()).toBe(false);
  drafts.set("new", {});
  expect(leave()).toBe(true);
  drafts.clear();
});
