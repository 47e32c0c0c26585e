/** Rings: a tone, a notification when the page is not seen, and both end together. */
import { type ReadonlySignal, signal } from "@preact/signals";

/** Indonesia's ring: one second of tone, then silence; shortened, an offer is only 15 s long. */
const TONE_HZ = [425, 480] as const;
const TONE_S = 1;
const EVERY_MS = 2500;
const VOLUME = 0.16;

export class Ring {
  readonly #silenced = signal(false);
  #context: AudioContext | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #notification: Notification | null = null;

  /** The browser wants a click in the page before it may sound. */
  get silenced(): ReadonlySignal<boolean> {
    return this.#silenced;
  }

  /** Ask for what ringing needs, on the agent's first click or key. */
  prepare(): () => void {
    const wake = () => void this.#audio()?.resume().then(this.#look);
    window.addEventListener("pointerdown", wake);
    window.addEventListener("keydown", wake);
    this.#look();
    return () => {
      window.removeEventListener("pointerdown", wake);
      window.removeEventListener("keydown", wake);
    };
  }

  /** Ask for leave to notify; to be called from a click. */
  askToNotify(): void {
    if (typeof Notification !== "undefined" && Notification.permission === "default") {
      void Notification.requestPermission();
    }
  }

  /** `text` may be seen by anybody near the screen: it must not tell who calls. */
  start(text: string): void {
    this.stop();
    this.#tone();
    this.#timer = setInterval(() => this.#tone(), EVERY_MS);
    this.#notify(text);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#notification?.close();
    this.#notification = null;
  }

  #notify(text: string): void {
    if (document.visibilityState === "visible") return;
    if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
    const notification = new Notification(text, {
      tag: "callcenter-offer",
      requireInteraction: true,
    });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    this.#notification = notification;
  }

  #audio(): AudioContext | null {
    if (typeof AudioContext === "undefined") return null;
    this.#context ??= new AudioContext();
    return this.#context;
  }

  readonly #look = (): void => {
    this.#silenced.value = this.#audio()?.state === "suspended";
  };

  #tone(): void {
    const context = this.#audio();
    this.#look();
    if (context?.state !== "running") return;
    const gain = context.createGain();
    const at = context.currentTime;
    gain.connect(context.destination);
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(VOLUME, at + 0.03);
    gain.gain.setValueAtTime(VOLUME, at + TONE_S - 0.05);
    gain.gain.linearRampToValueAtTime(0, at + TONE_S);
    for (const frequency of TONE_HZ) {
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain);
      tone.start(at);
      tone.stop(at + TONE_S);
    }
  }
}
