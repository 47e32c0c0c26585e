import { expect, test } from "vitest";
import { homeOf, PAGES, pageOf, route } from "../src/shell/pages";

test.each([
  ["/", { page: "home" }],
  ["/console", { page: "console" }],
  ["/phone", { page: "phone" }],
  ["/board", { page: "board" }],
  ["/cases", { page: "cases" }],
  ["/cases/2648151621", { page: "case", number: "2648151621" }],
  ["/cases/new", { page: "intake" }],
  ["/directory", { page: "directory" }],
  ["/cases/abc", { page: "unknown" }],
  ["/cases/1/2", { page: "unknown" }],
  ["/board/1", { page: "unknown" }],
  ["/nothing", { page: "unknown" }],
])("%s", (path, expected) => {
  expect(route(path)).toEqual(expected);
});

test("each role begins at a page it has", () => {
  expect(homeOf("agent")).toBe("/console");
  expect(PAGES.agent).toEqual(["console", "cases", "directory"]);
  expect(homeOf("supervisor")).toBe("/board");
  expect(homeOf("officer")).toBe("/cases");
  expect(pageOf(route("/cases/2648151621"))).toBe("cases");
  expect(pageOf(route("/cases/new"))).toBe("cases");
});
