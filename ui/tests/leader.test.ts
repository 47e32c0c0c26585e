import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Leader } from "../src/softphone/leader";

/** The browser's lock manager for one name, as the tabs of one browser share it. */
class Locks {
  #holder: { release: () => void; reject: (error: Error) => void } | null = null;
  #queue: (() => void)[] = [];

  request = (
    _name: string,
    options: { steal?: boolean; signal?: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const grant = () => {
        const mine = { release: () => {}, reject };
        this.#holder = mine;
        void callback().then(() => {
          resolve();
          if (this.#holder === mine) {
            this.#holder = null;
            this.#queue.shift()?.();
          }
        });
      };
      options.signal?.addEventListener("abort", () => {
        this.#queue = this.#queue.filter((each) => each !== grant);
        reject(new Error("aborted"));
      });
      if (options.steal) {
        this.#holder?.reject(new Error("stolen"));
        grant();
      } else if (this.#holder === null) grant();
      else this.#queue.push(grant);
    });
}

/** What one tab says all others hear. */
class Channel {
  static all: Channel[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor() {
    Channel.all.push(this);
  }
  postMessage(data: unknown): void {
    for (const each of Channel.all) if (each !== this) each.onmessage?.({ data });
  }
  close(): void {
    Channel.all = Channel.all.filter((each) => each !== this);
  }
}

let locks: Locks;
const tab = (): Leader => {
  const leader = new Leader("a", { locks: locks as never, channel: new Channel() as never });
  leader.start();
  return leader;
};
const settle = () => vi.advanceTimersByTimeAsync(200);

beforeEach(() => {
  vi.useFakeTimers();
  Channel.all = [];
  locks = new Locks();
});
afterEach(() => {
  vi.useRealTimers();
});

test("the first tab leads, the second follows and inherits", async () => {
  const first = tab();
  const second = tab();
  await settle();
  expect([first.role.value, second.role.value]).toEqual(["leader", "follower"]);
  first.stop();
  await settle();
  expect(second.role.value).toBe("leader");
});

test("a tab that is asked for takes over; the other follows and gets it back in the end", async () => {
  const first = tab();
  const second = tab();
  const third = tab();
  await settle();
  third.takeOver();
  await settle();
  expect([first.role.value, second.role.value, third.role.value]).toEqual([
    "follower",
    "follower",
    "leader",
  ]);
  third.stop();
  second.stop();
  await settle();
  expect(first.role.value).toBe("leader");
});

test("a tab in a call keeps the phone", async () => {
  const first = tab();
  first.setBusy(true);
  const second = tab();
  await settle();
  expect(second.otherBusy.value).toBe(true);
  second.takeOver();
  await settle();
  expect(first.role.value).toBe("leader");
  first.setBusy(false);
  second.takeOver();
  await settle();
  expect(second.role.value).toBe("leader");
});

test("a browser that refuses its locks is as one without", async () => {
  const request = () => Promise.reject(new DOMException("no", "SecurityError"));
  const leader = new Leader("a", { locks: { request } as never, channel: undefined });
  leader.start();
  await settle();
  expect(leader.role.value).toBe("leader");
});

test("without locks every tab leads", () => {
  const alone = new Leader("a", { locks: undefined, channel: undefined });
  alone.start();
  expect(alone.role.value).toBe("leader");
});
