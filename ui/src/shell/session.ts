/** Who is signed in. */
import { signal } from "@preact/signals";
import { ApiError, get, onSignedOut, post, put, setCsrf } from "../api/http";
import type { Language, Me } from "../api/types";
import { isLanguage, language, setLanguage } from "../i18n";
import { tellError } from "./notices";

/** Undefined until the server has told; null when nobody is signed in. */
export const me = signal<Me | null | undefined>(undefined);
/** The session ended under an open page: it stays, with a sign-in in front of it. */
export const expired = signal(false);
/** The language that was chosen before anybody signed in. */
let chosen: Language | null = null;
/** Why it is not known who is signed in: the server could not be asked. */
export const unknown = signal<Error | null>(null);

function take(next: Me): void {
  setCsrf(next.csrf);
  if (isLanguage(next.account.language)) setLanguage(next.account.language);
  me.value = next;
  expired.value = false;
}

export async function loadMe(): Promise<void> {
  try {
    take(await get<Me>("/api/me"));
    unknown.value = null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      me.value = null;
      unknown.value = null;
    } else unknown.value = error instanceof Error ? error : new Error(String(error));
  }
}

export async function signIn(username: string, password: string): Promise<void> {
  const before = me.value?.account.id;
  const next = await post<Me>("/api/sign-in", { username, password });
  // Another person at an open page must not get to see it.
  if (before !== undefined && before !== next.account.id) location.assign("/");
  else {
    take(next);
    if (chosen !== null) void chooseLanguage(chosen).catch(tellError);
  }
}

/** A language chosen at the sign-in page is kept for the account too. */
export async function chooseLanguage(next: Language): Promise<void> {
  setLanguage(next);
  const present = me.value;
  chosen = present ? null : next;
  if (!present) return;
  me.value = { ...present, account: { ...present.account, language: next } };
  await put("/api/me/language", { language: next });
}

export async function signOut(): Promise<void> {
  await post("/api/sign-out");
  me.value = null;
  expired.value = false;
}

export function watchSession(): void {
  onSignedOut(() => {
    if (me.value) expired.value = true;
    else me.value = null;
  });
}

export const otherLanguage = (): Language => (language.value === "id" ? "en" : "id");
