/** One simulated call: asks what is heard, and does what a caller can do, in the order it is done. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { ApiError, get, post, Unreachable } from "../api/http";
import type { Heard, SimulatedCall, SimulatedWait } from "../api/types";
import { tellError } from "../shell/notices";

/** Between two questions; the server may hold an answer back until there is something new. */
const POLL_MS = 400;

export type CallState = "idle" | "calling" | SimulatedCall["state"];

export type Line =
  | { who: "hotline"; heard: Heard }
  | { who: "me"; did: "pressed" | "spoke" | "silent"; text: string };

export class PhoneCall {
  readonly #state = signal<CallState>("idle");
  readonly #wait = signal<SimulatedWait | null>(null);
  readonly #lines = signal<Line[]>([]);
  /** The server has no simulator line. */
  readonly #off = signal(false);
  readonly #onHeard: (heard: Heard) => void;
  #id: string | null = null;
  #after = 0;
  #doing: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(onHeard: (heard: Heard) => void) {
    this.#onHeard = onHeard;
  }

  get state(): ReadonlySignal<CallState> {
    return this.#state;
  }
  get wait(): ReadonlySignal<SimulatedWait | null> {
    return this.#wait;
  }
  get lines(): ReadonlySignal<Line[]> {
    return this.#lines;
  }
  get off(): ReadonlySignal<boolean> {
    return this.#off;
  }

  live(): boolean {
    return ["calling", "ringing", "up"].includes(this.#state.value);
  }

  /** `from` is null when the number is withheld. */
  async dial(from: string | null, to: string): Promise<void> {
    if (this.live()) return;
    this.#state.value = "calling";
    this.#lines.value = [];
    this.#wait.value = null;
    this.#after = 0;
    try {
      const { call } = await post<{ call: string }>("/simulator/calls", { from, to });
      this.#id = call;
      void this.#follow(call);
    } catch (error) {
      this.#state.value = "idle";
      this.#off.value = error instanceof ApiError && [404, 405].includes(error.status);
      if (!this.#off.value) tellError(error);
    }
  }

  press(keys: string): void {
    if (this.#state.value !== "up") return;
    const last = this.#lines.value.at(-1);
    if (last?.who === "me" && last.did === "pressed") {
      this.#lines.value = [
        ...this.#lines.value.slice(0, -1),
        { who: "me", did: "pressed", text: last.text + keys },
      ];
    } else this.#add({ who: "me", did: "pressed", text: keys });
    this.#do("keys", { keys });
  }

  speak(text: string): void {
    this.#add({ who: "me", did: "spoke", text });
    this.#do("speak", { text });
  }

  beSilent(): void {
    this.#add({ who: "me", did: "silent", text: "" });
    this.#do("silence", {});
  }

  hangUp(): void {
    this.#do("hangup", {});
  }

  stop(): void {
    this.#stopped = true;
  }

  #add(line: Line): void {
    this.#lines.value = [...this.#lines.value, line];
  }

  /** Keys must arrive in the order in which they were pressed. */
  #do(what: string, body: object): void {
    const id = this.#id;
    if (id === null) return;
    this.#doing = this.#doing
      .then(() => post(`/simulator/calls/${id}/${what}`, body))
      .catch((error) => {
        if (this.#state.value !== "gone") tellError(error);
      });
  }

  async #follow(id: string): Promise<void> {
    while (!this.#stopped && this.#id === id) {
      try {
        const call = await get<SimulatedCall>(`/simulator/calls/${id}?after=${this.#after}`);
        this.#take(call);
        if (call.state === "gone") return;
      } catch (error) {
        if (!(error instanceof Unreachable)) {
          this.#state.value = "gone";
          tellError(error);
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #take(call: SimulatedCall): void {
    for (const heard of call.heard) {
      if (heard.n <= this.#after) continue;
      this.#after = heard.n;
      this.#add({ who: "hotline", heard });
      this.#onHeard(heard);
    }
    this.#wait.value = call.wait;
    this.#state.value = call.state;
  }
}
