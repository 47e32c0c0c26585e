/** Keyboard shortcuts: function keys work everywhere, plain keys only outside fields and buttons. */
import { useLayoutEffect, useRef } from "preact/hooks";

export type Shortcuts = Readonly<Record<string, (() => void) | undefined>>;

const FIELDS = "input, textarea, select, [contenteditable]";
const CONTROLS = `${FIELDS}, button, a[href], summary, [role=menuitem]`;

function mayHandle(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (/^F\d+$/.test(event.key)) return true;
  if (event.key === "Enter" || event.key === " ") return target?.closest(CONTROLS) == null;
  return target?.closest(FIELDS) == null;
}

/** Whether a shortcut took the key. Held keys, combinations and unfinished input do not count. */
export function press(event: KeyboardEvent, shortcuts: Shortcuts): boolean {
  if (event.repeat || event.isComposing || event.defaultPrevented) return false;
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) {
    // `*` and `#` need Shift on many keyboards.
    if (!event.shiftKey || !/^[*#]$/.test(event.key)) return false;
  }
  const action = shortcuts[event.key];
  if (action === undefined || !mayHandle(event)) return false;
  event.preventDefault();
  action();
  return true;
}

/** Listen to the newest `shortcuts` while the component is on the page. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const newest = useRef(shortcuts);
  newest.current = shortcuts;
  // At once, not after painting: what one sees one may press.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => press(event, newest.current);
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}

/** Ctrl+Enter sends the form from wherever one writes in it, also from a text of several lines. */
export function sendsForm(event: KeyboardEvent): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  (event.currentTarget as HTMLFormElement).requestSubmit();
}
