import { expect, test, vi } from "vitest";
import { press } from "../src/lib/keys";

function key(name: string, target: Element = document.body, more: KeyboardEventInit = {}) {
  const event = new KeyboardEvent("keydown", {
    key: name,
    bubbles: true,
    cancelable: true,
    ...more,
  });
  target.dispatchEvent(event);
  return event;
}

const made = (tag: string): Element => document.body.appendChild(document.createElement(tag));

test("function keys work while writing; plain keys and Enter do not", () => {
  const act = vi.fn();
  const all = { F2: act, Enter: act, "1": act };
  expect(press(key("F2", made("textarea")), all)).toBe(true);
  expect(press(key("1", made("input")), all)).toBe(false);
  expect(press(key("Enter", made("button")), all)).toBe(false);
  expect(press(key("1", made("button")), all)).toBe(true);
  expect(press(key("Enter"), all)).toBe(true);
  expect(act).toHaveBeenCalledTimes(3);
});

test("a held key and combinations do nothing, but * and # may need Shift", () => {
  const act = vi.fn();
  expect(press(key("F9", document.body, { repeat: true }), { F9: act })).toBe(false);
  expect(press(key("1", document.body, { ctrlKey: true }), { "1": act })).toBe(false);
  expect(press(key("#", document.body, { shiftKey: true }), { "#": act })).toBe(true);
});

test("what is handled is not handled again by another part of the page", () => {
  const event = key("F4");
  expect(press(event, { F4: () => {} })).toBe(true);
  expect(press(event, { F4: () => {} })).toBe(false);
});

test("a shortcut without an action is left to the browser", () => {
  const event = key("F7");
  expect(press(event, { F7: undefined })).toBe(false);
  expect(event.defaultPrevented).toBe(false);
});
