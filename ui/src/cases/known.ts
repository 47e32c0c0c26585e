/** What the pages of cases need to know besides: topics, units, bodies outside, my own desk. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api/http";
import type { DeskView, OutsideBody, Topic, UnitsView } from "../api/types";
import { label } from "../i18n";

export const topics = signal<Topic[]>([]);
export const units = signal<UnitsView>({ units: [], provinces: {}, triage: "" });
export const bodies = signal<OutsideBody[]>([]);
const settled = signal(false);

/** The list that was looked at last, to go back to. */
export const lastList = signal("/cases");

/**
 * Asks for topics, units and bodies; true when they are there, so that codes do not turn into names
 * before one's eyes. Where they can't be had the codes stand in the page: no reason for an error.
 */
export function useKnown(): boolean {
  useEffect(() => {
    void Promise.allSettled([
      get<Topic[]>("/api/topics").then((answer) => {
        topics.value = answer;
      }),
      get<UnitsView>("/api/units").then((answer) => {
        units.value = answer;
      }),
      get<{ bodies: OutsideBody[] }>("/api/directory").then((answer) => {
        bodies.value = answer.bodies;
      }),
    ]).then(() => {
      settled.value = true;
    });
  }, []);
  return settled.value;
}

const desk = signal<DeskView | null>(null);

/** My desk, asked for again with each `turn`. */
export function useDesk(turn = 0): DeskView | null {
  // A new turn is why it is asked again.
  useEffect(() => {
    get<DeskView>("/api/desk").then(
      (answer) => {
        desk.value = answer;
      },
      () => undefined,
    );
  }, [turn]);
  return desk.value;
}

export function topicLabel(code: string | undefined): string {
  const topic = topics.value.find((each) => each.code === code);
  return topic ? label(topic.label) : code || "–";
}

export const unitName = (code: string): string =>
  units.value.units.find((each) => each.code === code)?.name ?? code;

/** Of a unit's desk; null: nobody has written it down. */
export const unitPhone = (code: string): string | null =>
  units.value.units.find((each) => each.code === code)?.phone ?? null;

export function bodyName(code: string): string {
  const body = bodies.value.find((each) => each.code === code);
  return body ? label(body.label) : code;
}
