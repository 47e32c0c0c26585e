import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Live, SILENCE_MS } from "../src/api/live";

interface Doc {
  seq: number;
  text: string;
}

class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: string[] = [];
  closed = false;
  constructor(readonly url: string) {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

let sockets: FakeSocket[];
let load: ReturnType<typeof vi.fn<() => Promise<Doc>>>;
let live: Live<Doc>;

const newest = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error("no socket");
  return socket;
};

beforeEach(async () => {
  vi.useFakeTimers();
  sockets = [];
  load = vi.fn<() => Promise<Doc>>().mockResolvedValue({ seq: 5, text: "first" });
  live = new Live<Doc>({
    page: "board",
    load,
    random: () => 1,
    open: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  });
  live.start();
  await vi.advanceTimersByTimeAsync(0);
});
afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

test("reads once, then follows from what it has", () => {
  expect(live.document.value?.text).toBe("first");
  expect(newest().url).toContain("/api/live?page=board&after=5");
  newest().onopen?.();
  expect(live.link.value).toBe("live");
  newest().say({ seq: 6, board: { text: "second" } });
  expect(live.document.value).toEqual({ seq: 6, text: "second" });
});

test("an older or repeated document changes nothing", () => {
  newest().onopen?.();
  newest().say({ seq: 7, board: { text: "new" } });
  newest().say({ seq: 7, board: { text: "again" } });
  newest().say({ seq: 6, board: { text: "old" } });
  expect(live.document.value?.text).toBe("new");
});

test("answers a ping", () => {
  newest().onopen?.();
  newest().say({ seq: 9 });
  expect(newest().sent).toEqual(['{"pong":9}']);
});

test("resumes after the newest number, without reading again", async () => {
  newest().onopen?.();
  newest().say({ seq: 8, board: { text: "x" } });
  newest().onclose?.();
  expect(live.link.value).toBe("lost");
  expect(live.document.value?.text).toBe("x");
  await vi.advanceTimersByTimeAsync(500);
  expect(sockets.length).toBe(2);
  expect(newest().url).toContain("after=8");
  expect(load).toHaveBeenCalledTimes(1);
});

test("a connection that never opens: each try reads by HTTP, and the pauses grow to a limit", async () => {
  const gaps: number[] = [];
  for (let i = 0; i < 8; i++) {
    const before = sockets.length;
    newest().onclose?.();
    let waited = 0;
    while (sockets.length === before && waited < 60_000) {
      await vi.advanceTimersByTimeAsync(100);
      waited += 100;
    }
    gaps.push(waited);
  }
  expect(gaps).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  expect(load).toHaveBeenCalledTimes(9);
});

test("silence is a dead connection", async () => {
  newest().onopen?.();
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
  newest().say({ seq: 5 });
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
  expect(live.link.value).toBe("live");
  await vi.advanceTimersByTimeAsync(1);
  expect(live.link.value).toBe("lost");
  expect(newest().closed).toBe(true);
  await vi.advanceTimersByTimeAsync(500);
  expect(sockets.length).toBe(2);
});

test("what an action reads is not undone by what was sent before it", async () => {
  newest().onopen?.();
  load.mockResolvedValue({ seq: 5, text: "after the click" });
  await live.refresh();
  expect(live.document.value?.text).toBe("after the click");
  newest().say({ seq: 5, board: { text: "before the click" } });
  expect(live.document.value?.text).toBe("after the click");
});

test("stopped means stopped", async () => {
  const socket = newest();
  live.stop();
  socket.onclose?.();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets.length).toBe(1);
});
