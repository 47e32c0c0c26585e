import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Heard, SimulatedCall } from "../src/api/types";
import { PhoneCall } from "../src/phone/call";

const says = (n: number, text: string): Heard => ({ n, text, language: "id", sound: null });

let answers: SimulatedCall;
let posts: [string, unknown][];
let heard: string[];
let rings: string | null;
let asked: string[];
let call: PhoneCall;

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  posts = [];
  heard = [];
  asked = [];
  rings = null;
  answers = { state: "ringing", heard: [], line: "simulator", wait: null, from: null, to: "1" };
  vi.stubGlobal(
    "fetch",
    vi.fn(async (path: string, init: RequestInit) => {
      if (init.method === "POST") {
        posts.push([path, JSON.parse(String(init.body))]);
        return Response.json({ call: "c1" });
      }
      asked.push(path);
      if (path.startsWith("/simulator/phones/")) return Response.json({ call: rings });
      const after = Number(new URL(path, "http://x").searchParams.get("after"));
      return Response.json({ ...answers, heard: answers.heard.filter((each) => each.n > after) });
    }),
  );
  call = new PhoneCall((each) => heard.push(each.text));
});
afterEach(() => {
  call.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("what is heard comes line by line, each once, between what the caller does", async () => {
  await call.dial("+62811", "1500630");
  expect(posts).toEqual([["/simulator/calls", { from: "+62811", to: "1500630" }]]);
  answers = { ...answers, state: "up", wait: "keys", heard: [says(1, "Selamat datang")] };
  await vi.advanceTimersByTimeAsync(1000);
  call.press("1");
  call.press("2");
  answers = { ...answers, heard: [...answers.heard, says(2, "Terima kasih")] };
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual(["Selamat datang", "Terima kasih"]);
  expect(call.lines.value).toMatchObject([
    { who: "hotline" },
    { who: "me", did: "pressed", text: "12" },
    { who: "hotline" },
  ]);
  expect(posts.slice(1)).toEqual([
    ["/simulator/calls/c1/keys", { keys: "1" }],
    ["/simulator/calls/c1/keys", { keys: "2" }],
  ]);
});

test("keys do nothing before the hotline answers, and asking ends with the call", async () => {
  await call.dial(null, "1500630");
  call.press("1");
  expect(posts.length).toBe(1);
  answers = { ...answers, state: "gone" };
  await vi.advanceTimersByTimeAsync(1000);
  expect(call.state.value).toBe("gone");
  const asked = vi.mocked(fetch).mock.calls.length;
  await vi.advanceTimersByTimeAsync(5000);
  expect(vi.mocked(fetch).mock.calls.length).toBe(asked);
});

/** A call from `from` that is over. */
async function called(from: string | null): Promise<void> {
  await call.dial(from, "1500630");
  answers = { ...answers, state: "gone", heard: [says(1, "Urutan Anda tetap")] };
  await vi.advanceTimersByTimeAsync(1000);
  expect(call.state.value).toBe("gone");
  posts = [];
  asked = [];
}

test("the hotline calls back: after the answer it is an ordinary call", async () => {
  await called("+62811");
  await vi.advanceTimersByTimeAsync(6000);
  expect(new Set(asked)).toEqual(new Set(["/simulator/phones/%2B62811"]));
  expect(asked.length).toBe(3);
  rings = "back";
  await vi.advanceTimersByTimeAsync(2000);
  expect(call.state.value).toBe("called");
  expect(call.lines.value.length).toBe(1);
  await call.dial("+62811", "1500630");
  expect(posts).toEqual([]);
  answers = { ...answers, state: "up", wait: "keys", heard: [says(1, "Ini telepon kembali")] };
  await call.answer();
  await vi.advanceTimersByTimeAsync(1000);
  expect(call.state.value).toBe("up");
  expect(heard.at(-1)).toBe("Ini telepon kembali");
  call.press("1");
  await vi.advanceTimersByTimeAsync(3000);
  expect(posts.map(([path]) => path)).toEqual([
    "/simulator/calls/back/answer",
    "/simulator/calls/back/keys",
  ]);
  expect(asked.at(-1)).toBe("/simulator/calls/back?after=1");
});

test("who is busy is called again later, and what stops ringing is over", async () => {
  await called("+62811");
  rings = "first";
  await vi.advanceTimersByTimeAsync(2000);
  rings = null;
  await call.busy();
  expect(posts).toEqual([["/simulator/calls/first/busy", {}]]);
  expect(call.state.value).toBe("gone");
  rings = "second";
  await vi.advanceTimersByTimeAsync(2000);
  expect(call.state.value).toBe("called");
  rings = null;
  await vi.advanceTimersByTimeAsync(2000);
  expect(call.state.value).toBe("gone");
});

test("nobody listens for a withheld number, on a hidden page, or during another call", async () => {
  await called(null);
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toEqual([]);
  await called("+62811");
  const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toEqual([]);
  hidden.mockRestore();
  answers = { ...answers, state: "up" };
  await call.dial("+62811", "1500630");
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked.some((path) => path.includes("/phones/"))).toBe(false);
});

/** The page is opened again, in the tab in which it was. */
function reload(): void {
  call.stop();
  call = new PhoneCall((each) => heard.push(each.text));
}

test("a reloaded page still listens whether its number is called back", async () => {
  await called("+62811");
  reload();
  rings = "back";
  await vi.advanceTimersByTimeAsync(2500);
  expect(asked).toEqual(["/simulator/calls/c1?after=0", "/simulator/phones/%2B62811"]);
  expect([call.state.value, call.number]).toEqual(["called", "+62811"]);
});

test("a reloaded page goes on with its call, and says only what is new", async () => {
  await call.dial("+62811", "1500630");
  answers = { ...answers, state: "up", wait: "keys", heard: [says(1, "Selamat datang")] };
  await vi.advanceTimersByTimeAsync(1000);
  reload();
  await vi.advanceTimersByTimeAsync(100);
  expect([call.state.value, call.lines.value.length]).toEqual(["up", 1]);
  answers = { ...answers, heard: [...answers.heard, says(2, "Terima kasih")] };
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual(["Selamat datang", "Terima kasih"]);
  call.press("1");
  await vi.advanceTimersByTimeAsync(100);
  expect(posts.at(-1)).toEqual(["/simulator/calls/c1/keys", { keys: "1" }]);
});

test("who withheld the number last, or never called, has none after a reload", async () => {
  await called("+62811");
  await called(null);
  reload();
  await vi.advanceTimersByTimeAsync(5000);
  expect(call.number).toBe(null);
  expect(asked.some((path) => path.includes("/phones/"))).toBe(false);
});

test("a server without the simulator is told as that", async () => {
  vi.stubGlobal(
    "fetch",
    vi.fn(async () =>
      Response.json({ error: { code: "not_found", message: "" } }, { status: 404 }),
    ),
  );
  await call.dial(null, "1500630");
  expect(call.off.value).toBe(true);
  expect(call.state.value).toBe("idle");
});
