/** The words of the pages in the language of the person, and the language itself. */
import { computed, signal } from "@preact/signals";
import { ApiError, Unreachable } from "../api/http";
import type { Label, Language } from "../api/types";
import * as format from "../lib/format";
import { en } from "./en";
import { type Dictionary, id } from "./id";

export const dictionaries: Record<Language, Dictionary> = { id, en };

const STORE = "callcenter.language";

export const isLanguage = (value: unknown): value is Language => value === "id" || value === "en";

function remembered(): Language {
  const stored = localStorage.getItem(STORE);
  return isLanguage(stored) ? stored : "id";
}

export const language = signal<Language>(remembered());

/** The words in the present language: `words.value.form.saved("10.32")`. */
export const words = computed(() => dictionaries[language.value]);

/** Use `next` from now on, also after this page is closed. */
export function setLanguage(next: Language): void {
  language.value = next;
  localStorage.setItem(STORE, next);
}

/** A label that the server sends in each language. */
export const label = (text: Label): string => text[language.value];

/** The word for a code; an unknown code stands for itself. */
export const word = (map: Readonly<Record<string, string>>, code: string): string =>
  map[code] ?? code;

/** `format.ts` in the present language. */
export const count = (n: number): string => format.count(n, language.value);
export const percent = (part: number): string => format.percent(part, language.value);
export const timeOfDay = (at: number): string => format.timeOfDay(at, language.value);
export const dayOnly = (at: number): string => format.day(at, language.value);
/** A moment of the day of `today` by its time alone, another one with its day. */
export const moment = (at: number, today: number): string =>
  dayOnly(at) === dayOnly(today) ? timeOfDay(at) : dayAndTime(at);
export const fileSize = (bytes: number): string => format.fileSize(bytes, language.value);
export const dayAndTime = (at: number): string => format.dayAndTime(at, language.value);

/** An error in words, and how to go on. */
export function explain(error: unknown): string {
  const { errors } = words.value;
  if (error instanceof Unreachable) return errors.unreachable;
  if (!(error instanceof ApiError)) return errors.server;
  if (error.status === 401) return errors.signedOut;
  if (error.status === 403) return errors.forbidden;
  if (error.status === 404) return errors.notFound;
  if (error.status === 429) return errors.tooMany;
  if (error.status >= 500) return errors.server;
  if (error.code === "not_now") return errors.notNow(word(words.value.states, error.message));
  if (error.code === "too_late") return errors.tooLate;
  if (error.code === "message_refused") {
    const { failed, reasons } = words.value.inWriting;
    return failed(word(reasons, error.fields.channel ?? ""));
  }
  const fields = Object.entries(error.fields).map(([field, why]) => `${field}: ${why}`);
  return errors.refused(fields.join("; ") || error.message || error.code);
}
