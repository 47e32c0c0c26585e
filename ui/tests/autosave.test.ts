import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, Unreachable } from "../src/api/http";
import { Autosave, MOST_MS, REST_MS } from "../src/lib/autosave";

type Field = "name" | "text";
interface Doc extends Record<Field, string> {
  version: number;
}

const FIELDS = ["name", "text"] as const;
const stale = (current: Doc) => Object.assign(new ApiError(409, "stale", ""), { doc: current });

/** A server that holds one document and refuses a version that is not the newest. */
class Store {
  doc: Doc = { name: "", text: "", version: 1 };
  requests: Partial<Record<Field, string>>[] = [];
  failures: Error[] = [];
  tidy = (text: string): string => text;
  release: (() => void) | null = null;
  slow = false;

  save = async (changes: Partial<Record<Field, string>>, version: number): Promise<Doc> => {
    this.requests.push(changes);
    if (this.slow) await new Promise<void>((resolve) => (this.release = resolve));
    const failure = this.failures.shift();
    if (failure) throw failure;
    if (version !== this.doc.version) throw stale(this.doc);
    const tidied = Object.fromEntries(Object.entries(changes).map(([k, v]) => [k, this.tidy(v)]));
    this.doc = { ...this.doc, ...tidied, version: version + 1 };
    return this.doc;
  };

  /** Somebody else saves. */
  other(changes: Partial<Record<Field, string>>): Doc {
    this.doc = { ...this.doc, ...changes, version: this.doc.version + 1 };
    return this.doc;
  }
}

let store: Store;
let form: Autosave<Field, Doc>;

beforeEach(() => {
  vi.useFakeTimers({ now: 1000 });
  store = new Store();
  form = new Autosave<Field, Doc>({
    fields: FIELDS,
    stored: store.doc,
    save: store.save,
    current: (error) => (error as ApiError & { doc?: Doc }).doc ?? null,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

test("waits until the typing rests and sends only what changed", async () => {
  form.edit("text", "u");
  await vi.advanceTimersByTimeAsync(REST_MS - 1);
  form.edit("text", "up");
  await vi.advanceTimersByTimeAsync(REST_MS - 1);
  expect(store.requests).toEqual([]);
  expect(form.state.value.kind).toBe("dirty");
  await vi.advanceTimersByTimeAsync(1);
  expect(store.requests).toEqual([{ text: "up" }]);
  expect(form.state.value).toEqual({ kind: "clean", at: Date.now() });
});

test("saves somebody who never rests", async () => {
  for (let typed = 0; typed < MOST_MS + REST_MS; typed += 100) {
    form.edit("text", "x".repeat(typed / 100 + 1));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(store.requests.length).toBe(1);
});

test("one request at a time; what is typed meanwhile follows and is no conflict", async () => {
  store.slow = true;
  form.edit("text", "upah");
  await vi.advanceTimersByTimeAsync(REST_MS);
  form.edit("text", "upah saya");
  await vi.advanceTimersByTimeAsync(REST_MS * 3);
  expect(store.requests).toEqual([{ text: "upah" }]);
  store.release?.();
  store.slow = false;
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(store.requests).toEqual([{ text: "upah" }, { text: "upah saya" }]);
  expect(form.form.value.text).toBe("upah saya");
  expect(form.state.value.kind).toBe("clean");
});

test("a server that tidies the text does not change the field, nor is it saved for ever", async () => {
  store.tidy = (text) => text.trim();
  form.edit("text", "upah ");
  await vi.advanceTimersByTimeAsync(REST_MS * 10);
  expect(form.form.value.text).toBe("upah ");
  expect(store.requests).toEqual([{ text: "upah " }]);
  form.edit("text", "upah saya");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(store.doc.text).toBe("upah saya");
});

test("an unreachable server is asked again, with the newest text", async () => {
  store.failures = [new Unreachable("x"), new ApiError(503, "away", "")];
  form.edit("text", "a");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(form.state.value).toMatchObject({ kind: "failed", retry: true });
  form.edit("text", "ab");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(store.doc.text).toBe("ab");
  expect(form.unsaved()).toBe(false);
});

test("a refusal that would be repeated is not repeated, until something else is typed", async () => {
  store.failures = [new ApiError(422, "invalid", "too long")];
  form.edit("text", "long");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(form.state.value).toMatchObject({ kind: "failed", retry: false });
  expect(store.requests.length).toBe(1);
  form.edit("text", "short");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(form.state.value.kind).toBe("clean");
});

test("stale: what only the other side changed is merged and ours is saved on top", async () => {
  store.other({ name: "Budi" });
  form.edit("text", "upah");
  await vi.advanceTimersByTimeAsync(REST_MS * 3);
  expect(store.doc).toEqual({ name: "Budi", text: "upah", version: 3 });
  expect(form.form.value).toEqual({ name: "Budi", text: "upah" });
  expect(form.state.value.kind).toBe("clean");
});

test("stale: what both changed is shown, nothing is sent until it is decided", async () => {
  store.other({ text: "lembur" });
  form.edit("text", "upah");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(form.state.value.kind).toBe("conflict");
  expect(form.conflicts.value).toEqual({ text: "lembur" });
  expect(form.form.value.text).toBe("upah");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(store.requests.length).toBe(1);
  expect(await form.flush()).toBe(false);

  form.resolve("text", "mine");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(store.doc.text).toBe("upah");
  expect(form.state.value.kind).toBe("clean");
});

test("stale: taking the other side's text leaves nothing to save", async () => {
  store.other({ text: "lembur" });
  form.edit("text", "upah");
  await vi.advanceTimersByTimeAsync(REST_MS);
  form.resolve("text", "theirs");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(form.form.value.text).toBe("lembur");
  expect(store.requests.length).toBe(1);
  expect(form.state.value.kind).toBe("clean");
});

test("a newer document by the live connection fills what was not touched", () => {
  form.edit("text", "upah");
  form.adopt(store.other({ name: "Budi" }));
  expect(form.form.value).toEqual({ name: "Budi", text: "upah" });
  form.adopt({ name: "old", text: "old", version: 1 });
  expect(form.form.value.name).toBe("Budi");
});

test("flush saves at once and tells whether everything is stored", async () => {
  form.edit("text", "upah");
  expect(form.unsaved()).toBe(true);
  expect(await form.flush()).toBe(true);
  expect(store.doc.text).toBe("upah");
  store.failures = [new Unreachable("x")];
  form.edit("text", "upah saya");
  expect(await form.flush()).toBe(false);
});
