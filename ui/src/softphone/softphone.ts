/**
 * The telephone in the page: registers over a WebSocket, rings, answers, carries the sound.
 *
 * JsSIP is loaded when the first account comes. The account lives as long as the sign-in and is
 * kept nowhere. Leaving the page says no goodbye to the phone network: a goodbye would end the
 * citizen's call, while a phone that vanished only puts it on hold until the page is back.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent, UA, UAConfiguration } from "jssip/lib/UA";
import type { SoftphoneAccount } from "../api/types";
import { type Backoff, wait } from "../lib/backoff";
import { after, OFF, type PhoneEvent, type PhoneState } from "./state";

/** After the first address is found, others get this long: some machines never finish looking. */
const ICE_MS = 400;
/** A click on "answer" before the phone rings counts for this long. */
const ANSWER_AHEAD_MS = 15_000;
const REGISTER_AGAIN: Backoff = { first_ms: 2_000, most_ms: 20_000 };
const MEDIA: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: false,
};

/** The part of JsSIP that we use. */
export interface SipLibrary {
  UA: new (configuration: UAConfiguration) => UA;
  WebSocketInterface: new (url: string) => UAConfiguration["sockets"];
}

export interface SoftphoneOptions {
  /** Answer an incoming ring without a click: the agent has already taken this call. */
  answerAtOnce: () => boolean;
  /** The network does not know our account: it may have been made anew. */
  onRefused?: () => void;
  load?: () => Promise<SipLibrary>;
}

const loadJsSip = async (): Promise<SipLibrary> => {
  const module = await import("jssip");
  return module as unknown as SipLibrary;
};

export class Softphone {
  readonly #options: SoftphoneOptions;
  readonly #state = signal<PhoneState>(OFF);
  readonly #audio: HTMLAudioElement;
  #account: SoftphoneAccount | null = null;
  #ua: UA | null = null;
  #session: RTCSession | null = null;
  #answerUntil = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;

  constructor(options: SoftphoneOptions) {
    this.#options = options;
    this.#audio = document.createElement("audio");
    this.#audio.id = "remote-audio";
    this.#audio.autoplay = true;
  }

  get state(): ReadonlySignal<PhoneState> {
    return this.#state;
  }

  /** Be reachable under `account`; a change of account begins anew, the same one changes nothing. */
  async use(account: SoftphoneAccount | null): Promise<void> {
    if (JSON.stringify(account) === JSON.stringify(this.#account)) return;
    this.stop();
    this.#account = account;
    if (account === null) return;
    document.body.append(this.#audio);
    this.#on("start");
    const library = await (this.#options.load ?? loadJsSip)();
    if (this.#account !== account) return;
    this.#ua = this.#register(library, account);
    this.#ua.start();
  }

  stop(): void {
    clearTimeout(this.#again);
    this.#account = null;
    this.#session = null;
    this.#answerUntil = 0;
    const ua = this.#ua;
    this.#ua = null;
    ua?.stop();
    this.#audio.srcObject = null;
    this.#audio.remove();
    this.#on("stop");
  }

  /** Answer what rings, or what is about to. */
  answer(): void {
    if (this.#session?.isInProgress()) this.#pickUp(this.#session);
    else this.#answerUntil = Date.now() + ANSWER_AHEAD_MS;
  }

  /** End what rings or is talked; nothing is answered ahead any more. */
  hangUp(): void {
    this.#answerUntil = 0;
    const session = this.#session;
    if (session !== null && !session.isEnded()) session.terminate();
  }

  setMuted(muted: boolean): void {
    if (this.#state.value.session !== "up") return;
    if (muted) this.#session?.mute({ audio: true });
    else this.#session?.unmute({ audio: true });
  }

  setHeld(held: boolean): void {
    if (this.#state.value.session !== "up") return;
    if (held) this.#session?.hold();
    else this.#session?.unhold();
  }

  #on(event: PhoneEvent): void {
    this.#state.value = after(this.#state.value, event);
  }

  #register(library: SipLibrary, account: SoftphoneAccount): UA {
    const ua = new library.UA({
      sockets: new library.WebSocketInterface(account.ws),
      uri: account.uri,
      authorization_user: account.username,
      password: account.password,
      register: true,
      register_expires: 60,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
      user_agent: "callcenter",
    });
    const on = (
      event: "connected" | "disconnected" | "registered" | "unregistered" | "registrationFailed",
      handle: () => void,
    ) =>
      ua.on(event, () => {
        if (this.#ua === ua) handle();
      });
    on("connected", () => this.#on("connected"));
    on("disconnected", () => this.#on("disconnected"));
    on("registered", () => {
      this.#refusals = 0;
      this.#on("registered");
    });
    on("unregistered", () => this.#on("unregistered"));
    on("registrationFailed", () => this.#refused(ua));
    ua.on("newRTCSession", (event: RTCSessionEvent) => {
      if (this.#ua === ua && event.originator === "remote") {
        this.#incoming(event.session);
      }
    });
    return ua;
  }

  #refused(ua: UA): void {
    this.#on("registration_failed");
    if (this.#state.value.registration !== "refused") return;
    this.#options.onRefused?.();
    clearTimeout(this.#again);
    this.#again = setTimeout(
      () => {
        if (this.#ua === ua && ua.isConnected()) ua.register();
      },
      wait(REGISTER_AGAIN, this.#refusals),
    );
    this.#refusals += 1;
  }

  #incoming(session: RTCSession): void {
    if (this.#session !== null && !this.#session.isEnded()) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.#session = session;
    this.#on("incoming");
    this.#follow(session);
    if (Date.now() < this.#answerUntil || this.#options.answerAtOnce()) this.#pickUp(session);
  }

  #follow(session: RTCSession): void {
    const over = () => {
      if (this.#session !== session) return;
      this.#session = null;
      this.#audio.srcObject = null;
      this.#on("over");
    };
    let found = false;
    session.on("icecandidate", ({ ready }) => {
      if (found) return;
      found = true;
      setTimeout(ready, ICE_MS);
    });
    session.on("peerconnection", ({ peerconnection }) => this.#listen(peerconnection));
    session.on("confirmed", () => this.#on("confirmed"));
    session.on("ended", over);
    session.on("failed", over);
    session.on("getusermediafailed", () => {
      if (this.#session !== session) return;
      this.#session = null;
      this.#on("microphone_refused");
    });
    session.on("muted", () => this.#on("mute"));
    session.on("unmuted", () => this.#on("unmute"));
    session.on("hold", (event) => {
      found = false;
      if (event.originator === "local") this.#on("hold");
    });
    session.on("unhold", (event) => {
      found = false;
      if (event.originator === "local") this.#on("unhold");
    });
  }

  #listen(connection: RTCPeerConnection): void {
    connection.addEventListener("track", (event) => {
      this.#audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void this.#audio.play().catch(() => this.#on("sound_lost"));
    });
    connection.addEventListener("iceconnectionstatechange", () => {
      const state = connection.iceConnectionState;
      if (state === "disconnected" || state === "failed") this.#on("sound_lost");
      if (state === "connected" || state === "completed") this.#on("sound_back");
    });
  }

  #pickUp(session: RTCSession): void {
    if (this.#state.value.session !== "ringing") return;
    this.#answerUntil = 0;
    this.#on("answer");
    session.answer({ mediaConstraints: MEDIA, pcConfig: { iceServers: [] } });
  }
}
