/** Calls by hour as a chart (loaded when it is first shown), and the same figures as a table. */
import { useEffect, useRef } from "preact/hooks";
import type { Hour } from "../api/types";
import { count, timeOfDay, words } from "../i18n";
import type { Chart } from "./chart";

export function HourChart({ hours }: { hours: Hour[] }) {
  const t = words.value.board;
  return (
    <section class="panel by-hour">
      <div class="panel-head">
        <h2>{t.byHour}</h2>
        {hours.length > 0 && (
          <ul class="legend" aria-hidden="true">
            <li class="arrived">{t.counts.arrived}</li>
            <li class="answered">{t.counts.answered}</li>
            <li class="abandoned">{t.counts.abandoned}</li>
          </ul>
        )}
      </div>
      {hours.length === 0 ? <p class="nothing">{t.noCalls}</p> : <Bars hours={hours} />}
      {hours.length > 0 && (
        <details>
          <summary>{t.table}</summary>
          <HourTable hours={hours} />
        </details>
      )}
    </section>
  );
}

function Bars({ hours }: { hours: Hour[] }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const newest = useRef(hours);
  newest.current = hours;
  useEffect(() => {
    let here = true;
    void import("./chart").then(({ Chart: Made }) => {
      if (!here || place.current === null) return;
      chart.current = new Made(place.current, timeOfDay);
      chart.current.show(newest.current);
    });
    return () => {
      here = false;
      chart.current?.destroy();
      chart.current = null;
    };
  }, []);
  useEffect(() => chart.current?.show(hours), [hours]);
  return <div ref={place} class="chart" aria-hidden="true" />;
}

function HourTable({ hours }: { hours: Hour[] }) {
  const t = words.value.board;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t.hour}</th>
          <th scope="col" class="figure">
            {t.counts.arrived}
          </th>
          <th scope="col" class="figure">
            {t.counts.answered}
          </th>
          <th scope="col" class="figure">
            {t.counts.abandoned}
          </th>
        </tr>
      </thead>
      <tbody>
        {hours.map((each) => (
          <tr key={each.hour}>
            <th scope="row">{timeOfDay(each.hour)}</th>
            <td class="figure">{count(each.arrived)}</td>
            <td class="figure">{count(each.answered)}</td>
            <td class="figure">{count(each.abandoned)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
