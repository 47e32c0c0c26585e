/**
 * Says what the caller hears, one after the other: the server's sound file, or the browser's own
 * voice where the server has none. A key stops what is being said, as on a telephone.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Heard, Language } from "../api/types";

const VOICES: Record<Language, string> = { id: "id-ID", en: "en-GB" };
const STORE = "callcenter.phone.sound";

export class Sound {
  readonly #on = signal(localStorage.getItem(STORE) !== "off");
  #queue: Heard[] = [];
  #busy = false;
  #stop: () => void = () => {};

  get on(): ReadonlySignal<boolean> {
    return this.#on;
  }

  turn(on: boolean): void {
    this.#on.value = on;
    localStorage.setItem(STORE, on ? "on" : "off");
    if (!on) this.clear();
  }

  say(heard: Heard): void {
    if (!this.#on.value) return;
    this.#queue.push(heard);
    void this.#work();
  }

  /** Stop, and forget what was still to be said. */
  clear(): void {
    this.#queue = [];
    this.#stop();
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      await (next.sound === null ? this.#speak(next) : this.#play(next, next.sound));
    }
    this.#busy = false;
  }

  async #play(heard: Heard, address: string): Promise<void> {
    const audio = new Audio(address);
    const played = await new Promise<boolean>((resolve) => {
      this.#stop = () => {
        audio.pause();
        resolve(true);
      };
      audio.onended = () => resolve(true);
      audio.onerror = () => resolve(false);
      audio.play().catch(() => resolve(false));
    });
    if (!played) await this.#speak(heard);
  }

  async #speak(heard: Heard): Promise<void> {
    if (typeof speechSynthesis === "undefined") return;
    const words = new SpeechSynthesisUtterance(heard.text);
    words.lang = VOICES[heard.language] ?? heard.language;
    const voice = speechSynthesis
      .getVoices()
      .find((each) => each.lang.replace("_", "-").startsWith(heard.language));
    if (voice) words.voice = voice;
    await new Promise<void>((resolve) => {
      // Some browsers have no voice and never say that they are done.
      const longest = setTimeout(resolve, 2000 + heard.text.length * 120);
      const done = () => {
        clearTimeout(longest);
        resolve();
      };
      this.#stop = () => {
        speechSynthesis.cancel();
        done();
      };
      words.onend = done;
      words.onerror = done;
      speechSynthesis.speak(words);
    });
  }
}
