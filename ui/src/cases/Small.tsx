/** Small things that the list and the page of a case share. */
import { count, dayOnly, words } from "../i18n";
import { now } from "../lib/clock";

/** When somebody must have done something, and how late they are in working days. */
export function Due({ due, late }: { due: number | null; late: number }) {
  const t = words.value.desk;
  if (due === null) return <span class="quiet-text">{t.noDue}</span>;
  // The server says how late it is; the clock of this computer may be wrong.
  if (late > 0 || due < now.peek()) {
    return (
      <span class="age tooLong" title={dayOnly(due)}>
        {late > 0 ? t.lateDays(count(late)) : t.lateToday}
      </span>
    );
  }
  const today = dayOnly(due) === dayOnly(now.peek());
  return today ? <span class="age long">{t.dueToday}</span> : <span>{dayOnly(due)}</span>;
}

/** Escape closes an empty form; what was typed is thrown away by a click alone. */
export function Cancel({ nothing, cancel }: { nothing: boolean; cancel: () => void }) {
  const t = words.value.desk.act;
  return (
    <button type="button" onClick={cancel}>
      {nothing ? (
        <>
          {t.cancel} <kbd>Esc</kbd>
        </>
      ) : (
        t.discard
      )}
    </button>
  );
}

export function Shortcuts({ keys }: { keys: readonly (readonly [string, string])[] }) {
  return (
    <footer class="shortcuts">
      <b>{words.value.desk.shortcuts}</b>
      {keys.map(([key, what]) => (
        <span key={key}>
          <kbd>{key}</kbd> {what}
        </span>
      ))}
    </footer>
  );
}
