/**
 * One simulated call: asks what is heard, and does what a caller can do, in the order it is done.
 * When it is over, the telephone goes on listening whether the hotline calls its number back.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { ApiError, get, post, Unreachable } from "../api/http";
import type { Heard, SimulatedCall, SimulatedWait } from "../api/types";
import { tellError } from "../shell/notices";

/** Between two questions; the server may hold an answer back until there is something new. */
const POLL_MS = 400;
/** Between two questions whether the hotline calls back. */
const LISTEN_MS = 2000;
/** Where the telephone's number and its last call outlive a reload of the page. */
const NUMBER = "callcenter.phone.number";
const CALL = "callcenter.phone.call";

/** `called`: the hotline calls, and nobody has answered yet. */
export type CallState = "idle" | "calling" | "called" | SimulatedCall["state"];

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
  #number: string | null;
  /** Ends the listening that began under an older one. */
  #listening = 0;
  #after = 0;
  #doing: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(onHeard: (heard: Heard) => void) {
    this.#onHeard = onHeard;
    this.#number = sessionStorage.getItem(NUMBER);
    const last = sessionStorage.getItem(CALL);
    if (last !== null) void this.#follow(last, true);
  }

  /** What the telephone is called back at; null when it withheld its number, or never called. */
  get number(): string | null {
    return this.#number;
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
    return ["calling", "called", "ringing", "up"].includes(this.#state.value);
  }

  /** `from` is null when the number is withheld. */
  async dial(from: string | null, to: string): Promise<void> {
    if (this.live()) return;
    this.#listening++;
    this.#number = from;
    if (from === null) sessionStorage.removeItem(NUMBER);
    else sessionStorage.setItem(NUMBER, from);
    this.#id = null;
    this.#begin("calling");
    try {
      const { call } = await post<{ call: string }>("/simulator/calls", { from, to });
      void this.#follow(call);
    } catch (error) {
      this.#state.value = "idle";
      this.#off.value = error instanceof ApiError && [404, 405].includes(error.status);
      if (!this.#off.value) tellError(error);
    }
  }

  /** Pick up the telephone that the hotline calls. */
  async answer(): Promise<void> {
    const id = this.#id;
    if (this.#state.value !== "called" || id === null) return;
    this.#listening++;
    this.#begin("ringing");
    try {
      await post(`/simulator/calls/${id}/answer`);
      void this.#follow(id);
    } catch (error) {
      this.#over(error);
    }
  }

  /** Let the hotline, which calls, hear that the telephone is engaged. */
  async busy(): Promise<void> {
    const id = this.#id;
    if (this.#state.value !== "called" || id === null) return;
    const mine = ++this.#listening;
    this.#state.value = "gone";
    const failed = await post(`/simulator/calls/${id}/busy`).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (mine === this.#listening) this.#over(failed);
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

  #begin(state: CallState): void {
    this.#state.value = state;
    this.#lines.value = [];
    this.#wait.value = null;
    this.#after = 0;
  }

  /** The call is over. That it stopped ringing, or that the server forgot it (404), is no error. */
  #over(error?: unknown): void {
    this.#state.value = "gone";
    if (error !== undefined && !(error instanceof ApiError && error.status === 404)) {
      tellError(error);
    }
    if (this.#number !== null) void this.#listen(this.#number);
  }

  async #listen(number: string): Promise<void> {
    const mine = ++this.#listening;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LISTEN_MS));
      if (this.#stopped || mine !== this.#listening) return;
      if (document.visibilityState === "hidden") continue;
      try {
        const { call } = await get<{ call: string | null }>(
          `/simulator/phones/${encodeURIComponent(number)}`,
        );
        if (this.#stopped || mine !== this.#listening) return;
        this.#state.value = call === null ? "gone" : "called";
        if (call !== null) this.#id = call;
      } catch (error) {
        if (!(error instanceof ApiError) || error.passing) continue;
        this.#state.value = "gone";
        return;
      }
    }
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

  /** `again`: what was heard before the page was reloaded is not said once more. */
  async #follow(id: string, again = false): Promise<void> {
    this.#id = id;
    sessionStorage.setItem(CALL, id);
    let said = again;
    while (!this.#stopped && this.#id === id) {
      try {
        const call = await get<SimulatedCall>(`/simulator/calls/${id}?after=${this.#after}`);
        if (this.#stopped || this.#id !== id) return;
        this.#take(call, said);
        said = false;
        if (call.state === "gone") {
          this.#over();
          return;
        }
      } catch (error) {
        if (this.#stopped || this.#id !== id) return;
        if (!(error instanceof Unreachable)) {
          this.#over(error);
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #take(call: SimulatedCall, said: boolean): void {
    for (const heard of call.heard) {
      if (heard.n <= this.#after) continue;
      this.#after = heard.n;
      this.#add({ who: "hotline", heard });
      if (!said) this.#onHeard(heard);
    }
    this.#wait.value = call.wait;
    this.#state.value = call.state;
  }
}
