/** How long to wait before the next try: doubling, with jitter so that not all come back at once. */
export interface Backoff {
  first_ms: number;
  most_ms: number;
}

/** `tries` counts from 0; `random` gives 0..1. Between half and the whole of the doubled time. */
export function wait(backoff: Backoff, tries: number, random: () => number = Math.random): number {
  const whole = Math.min(backoff.most_ms, backoff.first_ms * 2 ** Math.min(tries, 16));
  return Math.round(whole * (0.5 + random() / 2));
}
