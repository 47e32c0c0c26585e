/**
 * What is typed and not yet sent, kept while the page is open: whoever looks at another case, or
 * meets an error, finds it again. In memory alone, and gone when somebody signs out.
 */
import { effect } from "@preact/signals";
import { useState } from "preact/hooks";
import { me } from "../shell/session";

export const drafts = new Map<string, unknown>();

effect(() => {
  if (!me.value) drafts.clear();
});

addEventListener("beforeunload", (event) => {
  if (drafts.size > 0) event.preventDefault();
});

/** The draft under `key`, or `empty`; setting it to null throws it away. */
export function useDraft<T>(key: string, empty: T): [T, (next: T | null) => void] {
  const [value, setValue] = useState<T>(() => (drafts.get(key) as T | undefined) ?? empty);
  const set = (next: T | null) => {
    if (next === null) drafts.delete(key);
    else drafts.set(key, next);
    setValue(next ?? empty);
  };
  return [value, set];
}
