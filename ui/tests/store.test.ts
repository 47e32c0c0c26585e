import { h, render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Agent, Call, CaseDraft, ConsoleView, Offer } from "../src/api/types";
import { ConsoleStore } from "../src/console/store";
import { setLanguage } from "../src/i18n";
import { REST_MS } from "../src/lib/autosave";
import { closeNotice, Notices } from "../src/shell/notices";

const topic = { code: "upah", label: { id: "Upah", en: "Wages" } };
const draft: CaseDraft = {
  number: "2648151621",
  pin: "730946",
  topic: "upah",
  status: "draft",
  narrative: "",
  reporter_name: "",
  employer: "",
  anonymous: false,
  version: 1,
};
const agent: Agent = {
  id: "a1",
  name: "Sari",
  state: "ready",
  since: 0,
  reason: null,
  topics: [topic],
  device: { kind: "browser", up: true, account: null },
};
const offer = (line: string): Offer => ({
  id: "o1",
  call: "c1",
  topic,
  language: "id",
  caller: null,
  line,
  waited_ms: 1000,
  offered_at: 0,
  rang_at: null,
  expires_at: null,
  callback: false,
  tries: 0,
});
const call = (line: string): Call => ({
  id: "c1",
  state: "talking",
  since: 0,
  answered_at: 0,
  caller: null,
  line,
  topic,
  language: "id",
  chose: [],
  leg: null,
  case: draft,
  others: [],
  bodies: [],
  joined: null,
});

let seq: number;
let view: ConsoleView;
let posts: string[];
let saves: object[];
let refuse: number | null;
let store: ConsoleStore;

const show = async (change: Partial<ConsoleView>): Promise<void> => {
  seq += 1;
  view = { ...view, ...change, seq };
  await store.live.refresh();
};

beforeEach(async () => {
  vi.useFakeTimers();
  sessionStorage.clear();
  posts = [];
  saves = [];
  refuse = null;
  seq = 1;
  view = {
    seq,
    agent,
    offer: null,
    call: null,
    wrap_up: null,
    outcomes: [],
    today: { answered: 0, missed: 0 },
  };
  vi.stubGlobal(
    "WebSocket",
    class {
      close() {}
    },
  );
  vi.stubGlobal(
    "fetch",
    vi.fn(async (path: string, init: RequestInit) => {
      if (init.method === "GET") return Response.json(view);
      if (refuse !== null) {
        return Response.json({ error: { code: "not_found", message: "" } }, { status: refuse });
      }
      if (path.endsWith("/case")) {
        const { version, ...changes } = JSON.parse(String(init.body));
        saves.push(changes);
        return Response.json({ ...draft, ...changes, version: version + 1 });
      }
      posts.push(path);
      return Response.json({ done: true });
    }),
  );
  store = new ConsoleStore("a1");
  vi.spyOn(store.phone, "answer");
  vi.spyOn(store.phone, "hangUp");
  vi.spyOn(store.ring, "start");
  vi.spyOn(store.ring, "stop");
  store.start();
  await vi.advanceTimersByTimeAsync(300);
});
afterEach(() => {
  store.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("an offer rings; answering picks the phone up and tells the server", async () => {
  await show({ offer: offer("asterisk"), agent: { ...agent, state: "offered" } });
  expect(store.ring.start).toHaveBeenCalledTimes(1);
  await store.accept();
  expect(store.phone.answer).toHaveBeenCalled();
  expect(posts).toEqual(["/api/agent/offers/o1/accept"]);
  await store.accept();
  expect(posts.length).toBe(1);
});

test("a simulated call is answered by the click alone, whatever phone the agent has", async () => {
  await show({ offer: offer("simulator") });
  expect(store.ring.start).toHaveBeenCalled();
  await store.accept();
  expect(store.phone.answer).not.toHaveBeenCalled();
  expect(posts).toEqual(["/api/agent/offers/o1/accept"]);
});

test("a desk phone rings by itself", async () => {
  const device = { kind: "sip", up: true, account: null } as const;
  await show({ offer: offer("asterisk"), agent: { ...agent, device } });
  expect(store.ring.start).not.toHaveBeenCalled();
  expect(store.answersHere("asterisk")).toBe(false);
});

test("an offer that is gone stops ringing and lets the phone go", async () => {
  await show({ offer: offer("asterisk") });
  refuse = 409;
  await store.accept();
  expect(store.accepting.value).toBeNull();
  expect(store.phone.hangUp).toHaveBeenCalled();
  await show({ offer: null });
  expect(store.ring.stop).toHaveBeenCalled();
});

test("one form from the talk to the end of the wrap-up", async () => {
  await show({ call: call("simulator") });
  const writing = store.writing.value;
  writing?.save.edit("narrative", "upah");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(saves).toEqual([{ narrative: "upah" }]);
  const wrap_up = {
    call: "c1",
    since: 0,
    until: 0,
    others: [],
    bodies: [],
    case: { ...draft, narrative: "upah" },
  };
  await show({ call: null, wrap_up });
  expect(store.writing.value).toBe(writing);
  writing?.save.edit("employer", "PT");
  await store.finish("complaint");
  expect(saves.length).toBe(2);
  expect(posts).toEqual(["/api/agent/wrap-up/done"]);
  await show({ wrap_up: null });
  expect(store.writing.value).toBeNull();
  expect(store.kept.value).toBeNull();
});

test("a second matter has a form of its own, and each is saved into its own case", async () => {
  const second = { ...draft, number: "2600079198", pin: "519273", topic: "phk" };
  await show({ call: { ...call("simulator"), others: [second] } });
  const writing = store.writing.value;
  expect(writing?.others.length).toBe(1);
  writing?.save.edit("narrative", "upah");
  writing?.others[0]?.edit("narrative", "dipecat");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(saves).toEqual([{ narrative: "upah" }, { number: "2600079198", narrative: "dipecat" }]);
  await store.another();
  expect(posts).toEqual(["/api/agent/calls/c1/cases"]);
  // The same form goes on in the wrap-up, which ends only when both are saved.
  const wrap_up = { call: "c1", since: 0, until: 0, case: draft, others: [second] };
  await show({ call: null, wrap_up });
  expect(store.writing.value?.others[0]).toBe(writing?.others[0]);
  store.writing.value?.others[0]?.edit("employer", "PT");
  refuse = 503;
  await store.finish("complaint");
  refuse = null;
  expect(posts.length).toBe(1);
});

test("what can't be saved any more is kept, and comes back with the same caller", async () => {
  await show({ call: call("simulator") });
  store.writing.value?.save.edit("narrative", "upah dua bulan");
  refuse = 404;
  await show({ call: null });
  await vi.advanceTimersByTimeAsync(100);
  expect(store.writing.value).toBeNull();
  expect(store.kept.value).toMatchObject({ call: "c1", number: "2648151621" });
  refuse = null;
  await show({ call: call("simulator") });
  expect(store.writing.value?.save.form.value.narrative).toBe("upah dua bulan");
  await vi.advanceTimersByTimeAsync(REST_MS);
  expect(saves).toEqual([{ narrative: "upah dua bulan" }]);
  expect(store.kept.value).toBeNull();
});

test("nothing is wrapped up while something is unsaved", async () => {
  await show({ wrap_up: { call: "c1", since: 0, until: 0, others: [], case: draft } });
  store.writing.value?.save.edit("narrative", "upah");
  refuse = 503;
  await store.finish("complaint");
  refuse = null;
  expect(posts).toEqual([]);
});

test("a caller who was lost in mid-talk and is offered again is taken at once", async () => {
  await show({ call: call("asterisk"), agent: { ...agent, state: "talking" } });
  await show({ call: null, agent: { ...agent, state: "ready" } });
  await show({ offer: offer("asterisk"), agent: { ...agent, state: "offered" } });
  expect(store.ring.start).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(10);
  expect(posts).toEqual(["/api/agent/offers/o1/accept"]);
});

test("a caller whose call was wrapped up is not taken without a click", async () => {
  await show({ call: call("asterisk") });
  await show({
    call: null,
    wrap_up: { call: "c1", since: 0, until: 0, others: [], case: draft },
  });
  await show({ wrap_up: null, offer: offer("asterisk") });
  expect(store.ring.start).toHaveBeenCalled();
  expect(posts).toEqual([]);
});

test("the number is sent to the caller once, and what became of it is shown", async () => {
  expect(store.telling.value).toBeNull();
  await show({ call: { ...call("twilio"), message: { channels: ["sms"], latest: null } } });
  expect(store.telling.value?.channels).toEqual(["sms"]);
  await Promise.all([store.sendNumber("sms"), store.sendNumber("sms")]);
  expect(posts).toEqual(["/api/agent/calls/c1/message"]);
  expect(store.sending.value).toBe(false);
  const latest = { channel: "sms", state: "delivered", reason: null };
  const wrap_up = { call: "c1", since: 0, until: 0, others: [], bodies: [], case: draft };
  await show({ call: null, wrap_up: { ...wrap_up, message: { channels: [], latest } } });
  expect(store.telling.value?.latest?.state).toBe("delivered");
  await show({ wrap_up });
  expect(store.telling.value).toBeNull();
});

test("a callback is announced as one, and a citizen who is not reached leaves a note", async () => {
  setLanguage("en");
  closeNotice();
  await show({ offer: { ...offer("simulator"), callback: true, tries: 2 } });
  expect(store.ring.start).toHaveBeenCalledWith("Call back: Wages");
  await show({ offer: null, call: { ...call("simulator"), state: "dialling", case: null } });
  await show({ call: null });
  const place = document.createElement("div");
  render(h(Notices, {}), place);
  expect(place.querySelector(".notice.note")?.textContent).toContain("was not reached");
  render(null, place);
  setLanguage("id");
});
