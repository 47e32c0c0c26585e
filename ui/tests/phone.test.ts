import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Heard, SimulatedCall } from "../src/api/types";
import { PhoneCall } from "../src/phone/call";

const says = (n: number, text: string): Heard => ({ n, text, language: "id", sound: null });

let answers: SimulatedCall;
let posts: [string, unknown][];
let heard: string[];
let call: PhoneCall;

beforeEach(() => {
  vi.useFakeTimers();
  posts = [];
  heard = [];
  answers = { state: "ringing", heard: [], line: "simulator", wait: null, from: null, to: "1" };
  vi.stubGlobal(
    "fetch",
    vi.fn(async (path: string, init: RequestInit) => {
      if (init.method === "POST") {
        posts.push([path, JSON.parse(String(init.body))]);
        return Response.json({ call: "c1" });
      }
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
