/** What is said to the person outside of any place on the page: errors in words, screen readers. */
import { signal } from "@preact/signals";
import { explain, words } from "../i18n";
import { useShortcuts } from "../lib/keys";

interface Notice {
  tone: "bad" | "note";
  text: string;
}

const notice = signal<Notice | null>(null);
const spoken = signal({ polite: "", assertive: "" });

/** Show `text` until it is closed or something newer is shown. */
export function tell(text: string, tone: Notice["tone"] = "note"): void {
  notice.value = { tone, text };
}

/** Show an error in words. */
export const tellError = (error: unknown): void => tell(explain(error), "bad");

export const closeNotice = (): void => {
  notice.value = null;
};

/** Do `action`; when it fails say so. True when it went well. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    tellError(error);
    return false;
  }
}

/** Have a screen reader say `text`; `urgent` interrupts what it is saying. */
export function announce(text: string, urgent = false): void {
  spoken.value = urgent ? { polite: "", assertive: text } : { polite: text, assertive: "" };
}

export function Notices() {
  const shown = notice.value;
  useShortcuts({ Escape: shown === null ? undefined : closeNotice });
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">
        {spoken.value.polite}
      </div>
      <div class="unseen" role="alert" aria-live="assertive">
        {spoken.value.assertive}
      </div>
      <div class="notices" role="alert">
        {shown && (
          <div class={`notice ${shown.tone}`}>
            <p>{shown.text}</p>
            <button type="button" class="quiet" onClick={closeNotice}>
              {words.value.app.close} <kbd>Esc</kbd>
            </button>
          </div>
        )}
      </div>
    </>
  );
}
