/**
 * The time, as the server tells it.
 *
 * Countdowns and ages compare server times with now; a computer whose clock is wrong would show
 * nonsense. The `Date` header of each answer tells how far off we are.
 */
import { signal } from "@preact/signals";

/** Below this the header's whole seconds and the way there explain the difference. */
const NOISE_MS = 2000;

let offset = 0;

/** Learn from an answer's `Date` header; `sentAt` and `gotAt` are this computer's times. */
export function learnServerTime(header: string | null, sentAt: number, gotAt: number): void {
  const server = header === null ? Number.NaN : Date.parse(header);
  if (Number.isNaN(server)) return;
  const difference = server + 500 - (sentAt + gotAt) / 2;
  offset = Math.abs(difference) < NOISE_MS ? 0 : difference;
}

/** Now, in the server's time. */
export const serverNow = (): number => Date.now() + offset;

/** Now, renewed each second: a component that reads it is drawn again each second. */
export const now = signal(serverNow());

setInterval(() => {
  now.value = serverNow();
}, 1000);

/** Look at the clock now: what has just begun should not show the second before. */
export function tick(): void {
  now.value = serverNow();
}
