/**
 * The telephone in the page on Twilio: the same as `Softphone`, on another network.
 *
 * Twilio's library is loaded when the first account comes. Twilio tells nobody whose page is
 * registered, so the page says it to our own server, again and again while it is true.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { VoiceAccount } from "../api/types";
import { after, OFF, type PhoneEvent, type PhoneState } from "./state";

/** A click on "answer" before the phone rings counts for this long. */
const ANSWER_AHEAD_MS = 15_000;
/** The server forgets a page that has not said for 40 s that its phone is there. */
const SAY_MS = 15_000;
/** Ask for a new token this long before the old one ends. */
const TOKEN_MS = 60_000;
/** Twilio's numbers for a microphone that is refused or missing. */
const MICROPHONE = new Set([31401, 31402]);

type Listener = (value?: unknown) => void;

/** The parts of Twilio's library that we use. */
export interface VoiceCall {
  accept(): void;
  reject(): void;
  disconnect(): void;
  mute(muted: boolean): void;
  on(event: string, listener: Listener): unknown;
}
export interface VoiceDevice {
  register(): Promise<void>;
  destroy(): void;
  updateToken(token: string): void;
  on(event: string, listener: Listener): unknown;
  audio?: { incoming(on: boolean): unknown } | null;
}
export interface VoiceLibrary {
  Device: new (token: string, options: Record<string, unknown>) => VoiceDevice;
}

export interface VoiceOptions {
  /** Answer an incoming ring without a click: the agent has already taken this call. */
  answerAtOnce: () => boolean;
  /** A new token is needed. */
  onRefused?: () => void;
  /** Tell our server whether the phone is registered. */
  say?: (up: boolean) => void;
  load?: () => Promise<VoiceLibrary>;
}

const loadTwilio = async (): Promise<VoiceLibrary> => {
  const module = await import("@twilio/voice-sdk");
  return module as unknown as VoiceLibrary;
};

export class VoicePhone {
  readonly #options: VoiceOptions;
  readonly #state = signal<PhoneState>(OFF);
  #account: VoiceAccount | null = null;
  #device: VoiceDevice | null = null;
  #call: VoiceCall | null = null;
  #answerUntil = 0;
  #saying: ReturnType<typeof setInterval> | undefined;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  get state(): ReadonlySignal<PhoneState> {
    return this.#state;
  }

  /** Be reachable under `account`; a new token for the same name interrupts nothing. */
  async use(account: VoiceAccount | null): Promise<void> {
    const before = this.#account;
    if (account?.token === before?.token) return;
    this.#account = account;
    if (account !== null && account.identity === before?.identity) {
      this.#device?.updateToken(account.token);
      return;
    }
    this.#end();
    this.#account = account;
    if (account === null) return;
    this.#on("start");
    const library = await (this.#options.load ?? loadTwilio)();
    if (this.#account?.identity !== account.identity || this.#device !== null) return;
    this.#device = this.#register(library, this.#account.token);
    this.#saying = setInterval(() => this.#say(), SAY_MS);
    await this.#device.register().catch(() => this.#on("registration_failed"));
  }

  stop(): void {
    this.#account = null;
    this.#end();
  }

  /** Answer what rings, or what is about to. */
  answer(): void {
    if (this.#call !== null && this.#state.value.session === "ringing") this.#pickUp(this.#call);
    else this.#answerUntil = Date.now() + ANSWER_AHEAD_MS;
  }

  /** End what rings or is talked; nothing is answered ahead any more. */
  hangUp(): void {
    this.#answerUntil = 0;
    if (this.#state.value.session === "ringing") this.#call?.reject();
    else this.#call?.disconnect();
  }

  setMuted(muted: boolean): void {
    if (this.#state.value.session === "up") this.#call?.mute(muted);
  }

  #end(): void {
    clearInterval(this.#saying);
    this.#call = null;
    this.#answerUntil = 0;
    const device = this.#device;
    this.#device = null;
    device?.destroy();
    this.#on("stop");
  }

  #on(event: PhoneEvent): void {
    const before = this.#state.value.registration === "registered";
    this.#state.value = after(this.#state.value, event);
    const now = this.#state.value.registration === "registered";
    if (before !== now && this.#account !== null) this.#options.say?.(now);
  }

  #say(): void {
    if (this.#state.value.registration === "registered") this.#options.say?.(true);
  }

  #register(library: VoiceLibrary, token: string): VoiceDevice {
    const device = new library.Device(token, {
      logLevel: "silent",
      closeProtection: false,
      tokenRefreshMs: TOKEN_MS,
      appName: "callcenter",
    });
    const on = (event: string, handle: Listener) =>
      device.on(event, (value) => {
        if (this.#device === device) handle(value);
      });
    device.audio?.incoming(false); // the console rings by itself
    on("registered", () => this.#on("registered"));
    on("unregistered", () => this.#on("unregistered"));
    on("tokenWillExpire", () => this.#options.onRefused?.());
    on("error", (error) => this.#failed(error));
    on("incoming", (call) => this.#incoming(call as VoiceCall));
    return device;
  }

  #failed(error: unknown): void {
    const code = codeOf(error);
    // 201xx: the token; 31005, 31009 and others: the connection, which the library mends itself.
    if (code >= 20100 && code < 20200) {
      this.#on("registration_failed");
      this.#options.onRefused?.();
    }
  }

  #incoming(call: VoiceCall): void {
    if (this.#call !== null) {
      call.reject();
      return;
    }
    this.#call = call;
    this.#on("incoming");
    this.#follow(call);
    if (Date.now() < this.#answerUntil || this.#options.answerAtOnce()) this.#pickUp(call);
  }

  #follow(call: VoiceCall): void {
    const ours = (handle: Listener) => (value?: unknown) => {
      if (this.#call === call) handle(value);
    };
    const over = ours(() => {
      this.#call = null;
      this.#on("over");
    });
    call.on(
      "accept",
      ours(() => this.#on("confirmed")),
    );
    for (const event of ["disconnect", "cancel", "reject"]) call.on(event, over);
    call.on(
      "mute",
      ours((muted) => this.#on(muted ? "mute" : "unmute")),
    );
    call.on(
      "reconnecting",
      ours(() => this.#on("sound_lost")),
    );
    call.on(
      "reconnected",
      ours(() => this.#on("sound_back")),
    );
    call.on(
      "error",
      ours((error) => {
        if (!MICROPHONE.has(codeOf(error))) return;
        this.#call = null;
        this.#on("microphone_refused");
        call.reject();
      }),
    );
  }

  #pickUp(call: VoiceCall): void {
    if (this.#state.value.session !== "ringing") return;
    this.#answerUntil = 0;
    this.#on("answer");
    call.accept();
  }
}

function codeOf(error: unknown): number {
  return Number((error as { code?: unknown } | null)?.code ?? 0);
}
