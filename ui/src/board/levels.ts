/** How long a wait is too long. Told by a word and a colour, never by the colour alone. */
export type Level = "fine" | "long" | "tooLong";

/** From here on a caller waits long … */
export const LONG_MS = 60_000;
/** … and here too long. */
export const TOO_LONG_MS = 180_000;

export function levelOf(waited_ms: number): Level {
  if (waited_ms >= TOO_LONG_MS) return "tooLong";
  return waited_ms >= LONG_MS ? "long" : "fine";
}
