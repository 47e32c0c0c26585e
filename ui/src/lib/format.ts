/** Numbers and times as people read them aloud. */
import type { Language } from "../api/types";

const LOCALE: Record<Language, string> = { id: "id-ID", en: "en-GB" };

/** A case number in the groups in which it is spoken: 2-4-4. Anything else stays as it is. */
export function caseNumber(number: string): string {
  return /^\d{10}$/.test(number)
    ? `${number.slice(0, 2)} ${number.slice(2, 6)} ${number.slice(6)}`
    : number;
}

/** A PIN in two halves. */
export function pin(digits: string): string {
  const half = Math.ceil(digits.length / 2);
  return digits.length < 5 ? digits : `${digits.slice(0, half)} ${digits.slice(half)}`;
}

/** A telephone number with room to breathe; numbers of other shapes stay as they came. */
export function phone(number: string): string {
  const indonesian = /^(\+62)(\d{2,3})(\d{3,4})(\d{3,5})$/.exec(number);
  return indonesian ? indonesian.slice(1).join(" ") : number;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** A duration as `4:07` or `1:02:33`; never negative. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(s / 60);
  return minutes < 60
    ? `${minutes}:${two(s % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}

/** A time of day: `10.32` in Indonesian, `10:32` in English. */
export function timeOfDay(at: number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { hour: "2-digit", minute: "2-digit" }).format(
    at,
  );
}

/** A day: `3 Nov 2026`. */
export function day(at: number, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: "medium" }).format(at);
}

/** A day and time: `3 Nov 2026, 10.32`. */
export function dayAndTime(at: number, language: Language): string {
  return `${day(at, language)}, ${timeOfDay(at, language)}`;
}

/** A share of 0..1 as `78,5 %`. */
export function percent(part: number, language: Language): string {
  return new Intl.NumberFormat(LOCALE[language], {
    style: "percent",
    maximumFractionDigits: 1,
  }).format(part);
}

/** A whole number with the language's separators. */
/** In units that people know from their telephones. */
export function fileSize(bytes: number, language: Language): string {
  const many = bytes >= 1024 * 1024;
  const shown = bytes / (many ? 1024 * 1024 : 1024);
  const digits = { maximumFractionDigits: many ? 1 : 0 };
  return `${new Intl.NumberFormat(language, digits).format(Math.max(shown, 1))} ${many ? "MB" : "kB"}`;
}

export function count(n: number, language: Language): string {
  return new Intl.NumberFormat(LOCALE[language]).format(n);
}
