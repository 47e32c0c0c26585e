/**
 * One tab rings. The browser's lock makes exactly one of an agent's tabs the leader, and passes
 * the role on when that tab closes or crashes; a channel between the tabs tells whether the leader
 * is in a call, so that another one may take over only when it is not.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

/** A free lock is granted within this. */
const ASK_MS = 150;

export type Leadership = "asking" | "leader" | "follower";

type Note = { kind: "who" } | { kind: "busy"; busy: boolean };

export interface LeaderOptions {
  locks?: LockManager | undefined;
  channel?: BroadcastChannel | undefined;
}

export class Leader {
  readonly #name: string;
  readonly #role = signal<Leadership>("asking");
  readonly #otherBusy = signal(false);
  readonly #locks: LockManager | undefined;
  readonly #channel: BroadcastChannel | undefined;
  #busy = false;
  #waiting: AbortController | null = null;
  #release: (() => void) | null = null;
  #stopped = false;

  /** `name` tells different agents on one computer apart. */
  constructor(name: string, options: LeaderOptions = {}) {
    this.#name = `callcenter-phone-${name}`;
    // Without a secure context there are no locks, and no softphone either: everybody leads.
    this.#locks = "locks" in options ? options.locks : globalThis.navigator?.locks;
    this.#channel =
      "channel" in options
        ? options.channel
        : typeof BroadcastChannel === "undefined"
          ? undefined
          : new BroadcastChannel(this.#name);
  }

  get role(): ReadonlySignal<Leadership> {
    return this.#role;
  }
  /** Whether the leading tab is in a call, which another tab must not take away. */
  get otherBusy(): ReadonlySignal<boolean> {
    return this.#otherBusy;
  }

  start(): void {
    if (this.#channel) this.#channel.onmessage = (event) => this.#hear(event.data as Note);
    if (this.#locks === undefined) {
      this.#role.value = "leader";
      return;
    }
    void this.#lead(this.#locks, false);
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting?.abort();
    this.#release?.();
    this.#channel?.close();
  }

  setBusy(busy: boolean): void {
    this.#busy = busy;
    if (this.#role.value === "leader") this.#tell({ kind: "busy", busy });
  }

  /** Become the leader, unless the leading tab is in a call. */
  takeOver(): void {
    if (this.#role.value !== "follower" || this.#otherBusy.value || !this.#locks) return;
    this.#waiting?.abort();
    void this.#lead(this.#locks, true);
  }

  /** Wait in the browser's queue (or jump it, with `steal`) and lead until it is taken from us. */
  async #lead(locks: LockManager, steal: boolean): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    // What is not granted at once means that another tab leads; we stay in the queue behind it.
    const slow = setTimeout(() => this.#follow(), ASK_MS);
    let granted = false;
    try {
      await locks.request(
        this.#name,
        steal ? { steal: true } : { signal: waiting.signal },
        async () => {
          clearTimeout(slow);
          granted = true;
          await this.#hold();
        },
      );
    } catch {
      if (this.#stopped || waiting.signal.aborted) return;
      if (!granted) {
        // The browser gives no locks here: as without them.
        this.#role.value = "leader";
        return;
      }
      // Another tab took the lock: back into the queue.
      this.#follow();
      void this.#lead(locks, false);
    } finally {
      clearTimeout(slow);
    }
  }

  async #hold(): Promise<void> {
    if (this.#stopped) return;
    this.#role.value = "leader";
    this.#tell({ kind: "busy", busy: this.#busy });
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }

  #follow(): void {
    if (this.#stopped || this.#role.value === "follower") return;
    this.#role.value = "follower";
    this.#tell({ kind: "who" });
  }

  #hear(note: Note): void {
    if (note.kind === "busy") {
      if (this.#role.value !== "leader") this.#otherBusy.value = note.busy;
    } else if (this.#role.value === "leader") this.#tell({ kind: "busy", busy: this.#busy });
  }

  #tell(note: Note): void {
    this.#channel?.postMessage(note);
  }
}
