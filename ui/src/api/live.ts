/**
 * A page's live document: read once, then replaced whole whenever the server sends a newer one.
 *
 * The server numbers what it sends (`seq`); after a break we name the last number we have and get
 * only what we missed. Where the WebSocket can't be opened at all, each try reads the document by
 * HTTP, so the page stays fresh to within the back-off.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { type Backoff, wait } from "../lib/backoff";

export type Link = "connecting" | "live" | "lost";

/** Without a word (a ping comes every 20 s) for this long the connection is dead. */
export const SILENCE_MS = 45_000;
const BACKOFF: Backoff = { first_ms: 500, most_ms: 15_000 };

export interface LiveOptions<T> {
  page: "agent" | "board";
  load: () => Promise<T>;
  open?: (url: string) => WebSocket;
  random?: () => number;
}

type Message<T> = { seq: number } & Partial<Record<"agent" | "board", T>>;

export class Live<T extends { seq: number }> {
  readonly #document = signal<T | null>(null);
  readonly #link = signal<Link>("connecting");
  readonly #heardAt = signal(0);
  readonly #problem = signal<Error | null>(null);
  readonly #options: LiveOptions<T>;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;
  #running = false;

  constructor(options: LiveOptions<T>) {
    this.#options = options;
  }

  /** The newest document, null until the first has come. */
  get document(): ReadonlySignal<T | null> {
    return this.#document;
  }
  get link(): ReadonlySignal<Link> {
    return this.#link;
  }
  /** When (this computer's time) the server last said anything. */
  get heardAt(): ReadonlySignal<number> {
    return this.#heardAt;
  }
  /** Why the document could not be read when it was last asked for. */
  get problem(): ReadonlySignal<Error | null> {
    return this.#problem;
  }

  start(): void {
    this.#running = true;
    window.addEventListener("online", this.#now);
    window.addEventListener("offline", this.#drop);
    document.addEventListener("visibilitychange", this.#seen);
    void this.#read().then(() => this.#connect());
  }

  stop(): void {
    this.#running = false;
    window.removeEventListener("online", this.#now);
    window.removeEventListener("offline", this.#drop);
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    this.#close();
  }

  /** Read the document now: after an action its result shows without waiting for the socket. */
  async refresh(): Promise<void> {
    await this.#read();
  }

  /** A document that an action brought; an older one than ours is ignored. */
  #take(next: T, newerOnly: boolean): void {
    const seq = this.#document.value?.seq ?? -1;
    if (next.seq > seq || (next.seq === seq && !newerOnly)) this.#document.value = next;
  }

  async #read(): Promise<void> {
    try {
      const next = await this.#options.load();
      this.#problem.value = null;
      this.#heard();
      this.#take(next, false);
    } catch (error) {
      this.#problem.value = error instanceof Error ? error : new Error(String(error));
    }
  }

  #heard(): void {
    this.#heardAt.value = Date.now();
  }

  #connect(): void {
    if (!this.#running || this.#socket !== null) return;
    const after = this.#document.value?.seq ?? 0;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const url = `${scheme}//${location.host}/api/live?page=${this.#options.page}&after=${after}`;
    const socket = (this.#options.open ?? ((address) => new WebSocket(address)))(url);
    let opened = false;
    this.#socket = socket;
    this.#watch(socket);
    socket.onopen = () => {
      opened = true;
      this.#tries = 0;
      this.#link.value = "live";
      this.#heard();
      this.#watch(socket);
    };
    socket.onmessage = (event) => {
      this.#heard();
      this.#watch(socket);
      this.#receive(socket, String(event.data));
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      clearTimeout(this.#silence);
      this.#lost(opened);
    };
  }

  #receive(socket: WebSocket, text: string): void {
    const message = JSON.parse(text) as Message<T>;
    const next = message[this.#options.page];
    if (next !== undefined) this.#take({ ...next, seq: message.seq }, true);
    else socket.send(JSON.stringify({ pong: message.seq }));
  }

  /** Begin again; a connection that never opened may mean that we are signed out, so read first. */
  #lost(opened: boolean): void {
    this.#link.value = "lost";
    if (!this.#running) return;
    clearTimeout(this.#timer);
    const delay = wait(BACKOFF, this.#tries, this.#options.random);
    this.#tries += 1;
    this.#timer = setTimeout(() => {
      if (opened) this.#connect();
      else void this.#read().then(() => this.#connect());
    }, delay);
  }

  #watch(socket: WebSocket): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#socket !== socket) return;
      this.#close();
      this.#lost(true);
    }, SILENCE_MS);
  }

  #close(): void {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  readonly #now = (): void => {
    if (!this.#running || this.#socket !== null) return;
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#connect();
  };

  readonly #drop = (): void => {
    this.#close();
    this.#lost(true);
  };

  readonly #seen = (): void => {
    if (document.visibilityState === "visible") this.#now();
  };
}
