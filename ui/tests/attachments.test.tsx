import { render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/api/http";
import type { CaseFile } from "../src/api/types";
import { Attachments } from "../src/cases/Attachments";
import { setLanguage } from "../src/i18n";

const paper = {
  id: "a1",
  name: "slip gaji.pdf",
  kind: "pdf" as const,
  size: 2_411_724,
  by: "Dewi",
  at: 0,
};
const place = document.createElement("div");
const ask = vi.fn();

beforeEach(() => setLanguage("id"));
afterEach(() => {
  render(null, place);
  ask.mockReset();
});

function shown(changes: boolean, attachments = [paper]): HTMLElement {
  const file = { number: "2648151621", attachments } as CaseFile;
  render(<Attachments file={file} ask={ask} changes={changes} />, place);
  return place;
}

async function choose(...files: File[]): Promise<void> {
  const input = place.querySelector("input") as HTMLInputElement;
  Object.defineProperty(input, "files", { value: files, configurable: true });
  input.dispatchEvent(new Event("change"));
  await vi.waitFor(() => expect(place.querySelector("input")?.disabled).toBe(false));
}

test("a paper is named with its size, and is saved by a click", () => {
  const link = shown(false).querySelector("a");
  expect(link?.getAttribute("href")).toBe("/api/cases/2648151621/attachments/a1");
  expect(link?.getAttribute("download")).toBe("slip gaji.pdf");
  expect(place.textContent).toContain("2,3 MB · Dewi");
  expect(place.querySelector("button, input")).toBeNull();
});

test("who may change nothing sees no empty box", () => {
  expect(shown(false, []).innerHTML).toBe("");
});

test("files are sent one after the other", async () => {
  ask.mockResolvedValue(null);
  shown(true, []);
  const files = [new File(["%PDF-"], "a.pdf"), new File(["%PDF-"], "b.pdf")];
  await choose(...files);
  await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(2));
  expect(ask.mock.calls).toEqual(files.map((file) => ["attachments", file]));
});

test.each([
  [new ApiError(422, "invalid", "", { content: "is neither" }), "bukan PDF"],
  [new ApiError(409, "refused", "", { content: "too_many" }), "kasus ini sudah punya 20"],
  [new ApiError(413, "too_large", ""), "lebih besar dari 5 MB"],
])("what is refused is named, and the rest is not sent", async (error, words) => {
  ask.mockResolvedValue(error);
  shown(true, []);
  await choose(new File(["x"], "aneh.pdf"), new File(["x"], "lain.pdf"));
  await vi.waitFor(() => expect(place.textContent).toContain(`aneh.pdf: ${words}`));
  expect(ask).toHaveBeenCalledTimes(1);
});

test("what is too large is not even sent", async () => {
  shown(true, []);
  await choose(new File([new Uint8Array(5 * 1024 * 1024 + 1)], "besar.pdf"));
  await vi.waitFor(() => expect(place.textContent).toContain("besar.pdf: lebih besar"));
  expect(ask).not.toHaveBeenCalled();
});

test("it is removed after a second look", async () => {
  ask.mockResolvedValue(null);
  shown(true);
  const press = async (text: string) => {
    const found = [...place.querySelectorAll("button")].find((one) => one.textContent === text);
    found?.click();
    await vi.waitFor(() => expect(found?.isConnected && text.endsWith("…")).toBe(false));
  };
  await press("Hapus …");
  expect(ask).not.toHaveBeenCalled();
  await press("Hapus");
  expect(ask.mock.calls).toEqual([["attachments/a1/remove", {}]]);
});
