/**
 * Saves a form as it is typed.
 *
 * A change waits until the typing rests, one request is under way at a time, and what fails is
 * tried again. The server refuses a change to a version that is not the newest; then what only one
 * side changed is merged, and what both changed is shown: the person decides, nothing is lost.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { ApiError, Unreachable } from "../api/http";
import { type Backoff, wait } from "./backoff";

/** Typing rests this long before it is saved … */
export const REST_MS = 600;
/** … but somebody who never rests is saved this often. */
export const MOST_MS = 5_000;
const BACKOFF: Backoff = { first_ms: 1_500, most_ms: 15_000 };

export type SaveState =
  | { kind: "clean"; at: number | null }
  | { kind: "dirty" }
  | { kind: "saving" }
  /** `retry`: it will be tried again by itself. */
  | { kind: "failed"; error: Error; retry: boolean }
  | { kind: "conflict" };

export type Form<F extends string> = Record<F, string>;
export type Stored<F extends string> = Form<F> & { version: number };

export interface AutosaveOptions<F extends string, D extends Stored<F>> {
  fields: readonly F[];
  stored: D;
  /** Save the changed fields over `version`; gives what is stored then. */
  save: (changes: Partial<Form<F>>, version: number, last: boolean) => Promise<D>;
  /** What a refusal for staleness says is stored now. */
  current: (error: ApiError) => D | null;
  now?: () => number;
}

export class Autosave<F extends string, D extends Stored<F>> {
  readonly #options: AutosaveOptions<F, D>;
  readonly #form;
  readonly #state = signal<SaveState>({ kind: "clean", at: null });
  readonly #stored;
  readonly #conflicts = signal<Partial<Form<F>>>({});
  /** The fields that the server has agreed to, as they were sent (it may trim them). */
  #base: Form<F>;
  #savedAt: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirtySince: number | null = null;
  #under: Promise<void> | null = null;
  #tries = 0;
  #stopped = false;

  constructor(options: AutosaveOptions<F, D>) {
    this.#options = options;
    this.#stored = signal<D>(options.stored);
    this.#base = this.#pick(options.stored);
    this.#form = signal<Form<F>>(this.#base);
  }

  /** What stands in the fields. */
  get form(): ReadonlySignal<Form<F>> {
    return this.#form;
  }
  get state(): ReadonlySignal<SaveState> {
    return this.#state;
  }
  /** What the server holds. */
  get stored(): ReadonlySignal<D> {
    return this.#stored;
  }
  /** For each field that both sides changed: the other side's text. */
  get conflicts(): ReadonlySignal<Partial<Form<F>>> {
    return this.#conflicts;
  }

  edit(field: F, value: string): void {
    if (this.#form.value[field] === value) return;
    this.#form.value = { ...this.#form.value, [field]: value };
    this.#changed();
  }

  /** Decide a conflict: keep what stands in the field, or take the other side's text. */
  resolve(field: F, choice: "mine" | "theirs"): void {
    const theirs = this.#conflicts.value[field];
    if (theirs === undefined) return;
    if (choice === "theirs") this.#form.value = { ...this.#form.value, [field]: theirs };
    const rest = { ...this.#conflicts.value };
    delete rest[field];
    this.#conflicts.value = rest;
    if (Object.keys(rest).length === 0) this.#changed();
  }

  /** A newer document came by another way, for example because somebody else saved. */
  adopt(document: D): void {
    // While a save is under way its own answer tells what is stored.
    if (this.#under !== null || document.version <= this.#stored.value.version) return;
    this.#merge(document, this.#base);
  }

  /** Save what is not saved, now. True when nothing is left unsaved. */
  async flush(last = false): Promise<boolean> {
    clearTimeout(this.#timer);
    if (this.#under !== null) await this.#under;
    clearTimeout(this.#timer);
    if (this.#isChanged() && !this.#hasConflicts()) {
      this.#begin(last);
      if (this.#under !== null) await this.#under;
    }
    return !this.#isChanged();
  }

  /** Whether something is typed that the server does not have. */
  unsaved(): boolean {
    return this.#isChanged();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #pick(from: Form<F>): Form<F> {
    return Object.fromEntries(
      this.#options.fields.map((field) => [field, from[field] ?? ""]),
    ) as Form<F>;
  }

  #changes(): Partial<Form<F>> {
    const changes: Partial<Form<F>> = {};
    for (const field of this.#options.fields) {
      if (this.#form.value[field] !== this.#base[field]) changes[field] = this.#form.value[field];
    }
    return changes;
  }

  #isChanged = (): boolean => Object.keys(this.#changes()).length > 0;
  #hasConflicts = (): boolean => Object.keys(this.#conflicts.value).length > 0;

  #time = (): number => (this.#options.now ?? Date.now)();

  #changed(): void {
    if (this.#stopped || this.#hasConflicts()) return;
    this.#dirtySince ??= this.#time();
    if (this.#under !== null) return; // the running save looks again when it ends
    this.#state.value = { kind: "dirty" };
    const left = MOST_MS - (this.#time() - this.#dirtySince);
    this.#after(Math.max(0, Math.min(REST_MS, left)));
  }

  #after(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(false), ms);
  }

  #begin(last: boolean): void {
    if (this.#under !== null || this.#hasConflicts()) return;
    if (!this.#isChanged()) {
      this.#dirtySince = null;
      this.#state.value = { kind: "clean", at: this.#savedAt };
      return;
    }
    this.#state.value = { kind: "saving" };
    this.#dirtySince = null;
    this.#under = this.#send(last).finally(() => {
      this.#under = null;
      if (this.#state.value.kind === "saving") this.#settle();
    });
  }

  #settle(): void {
    if (this.#isChanged()) this.#changed();
    else this.#state.value = { kind: "clean", at: this.#savedAt };
  }

  async #send(last: boolean): Promise<void> {
    const sent = this.#changes();
    try {
      const saved = await this.#options.save(sent, this.#stored.value.version, last);
      this.#tries = 0;
      this.#savedAt = this.#time();
      // What we sent is agreed, also where it comes back tidied: a field must not change under
      // the hands of somebody who types on.
      this.#merge({ ...saved, ...sent }, { ...this.#base, ...sent });
      this.#stored.value = saved;
    } catch (error) {
      this.#refused(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #refused(error: Error): void {
    const current = error instanceof ApiError ? this.#options.current(error) : null;
    if (current !== null) {
      this.#merge(current, this.#base);
      return;
    }
    const retry = error instanceof Unreachable || (error instanceof ApiError && error.passing);
    this.#state.value = { kind: "failed", error, retry };
    if (!retry || this.#stopped) return;
    this.#after(wait(BACKOFF, this.#tries));
    this.#tries += 1;
  }

  /** Three-way: a field that we have not touched follows theirs; both touched is a conflict. */
  #merge(theirs: D, base: Form<F>): void {
    const next = this.#pick(theirs);
    const form = { ...this.#form.value };
    const conflicts = { ...this.#conflicts.value };
    for (const field of this.#options.fields) {
      if (same(next[field], base[field])) continue;
      if (form[field] === base[field]) form[field] = next[field];
      else if (same(form[field], next[field])) delete conflicts[field];
      else conflicts[field] = next[field];
    }
    this.#base = next;
    this.#stored.value = theirs;
    this.#form.value = form;
    this.#conflicts.value = conflicts;
    if (this.#hasConflicts()) {
      clearTimeout(this.#timer);
      this.#state.value = { kind: "conflict" };
    } else if (this.#under === null) this.#settle();
  }
}

/** Spaces at the ends are no difference that a person should have to decide about. */
const same = (a: string, b: string): boolean => a.trim() === b.trim();
