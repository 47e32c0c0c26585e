/** The bar chart by uPlot, in the colours of the page, drawn anew when size or colours change. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Hour } from "../api/types";

const HEIGHT_PX = 180;
const HOUR_S = 3600;
const SERIES = ["arrived", "answered", "abandoned"] as const;

export class Chart {
  readonly #place: HTMLElement;
  readonly #timeOfDay: (at: number) => string;
  readonly #resize: ResizeObserver;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  #plot: uPlot | null = null;
  #hours: Hour[] = [];

  constructor(place: HTMLElement, timeOfDay: (at: number) => string) {
    this.#place = place;
    this.#timeOfDay = timeOfDay;
    this.#resize = new ResizeObserver(() => {
      this.#plot?.setSize({ width: place.clientWidth, height: HEIGHT_PX });
    });
    this.#resize.observe(place);
    this.#dark.addEventListener("change", this.#again);
  }

  show(hours: Hour[]): void {
    this.#hours = hours;
    if (this.#plot === null) this.#again();
    else this.#plot.setData(data(hours));
  }

  destroy(): void {
    this.#resize.disconnect();
    this.#dark.removeEventListener("change", this.#again);
    this.#plot?.destroy();
  }

  readonly #again = (): void => {
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), data(this.#hours), this.#place);
  };

  #options(): uPlot.Options {
    const style = getComputedStyle(this.#place);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--ink-2"),
      font: `12px ${style.fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.#place.clientWidth,
      height: HEIGHT_PX,
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: true, range: (plot) => hoursShown(plot.data[0]) },
        y: { range: (_, __, most) => [0, Math.max(4, Math.ceil(most * 1.1))] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          incrs: [HOUR_S, 2 * HOUR_S, 4 * HOUR_S],
          space: 46,
          values: (_, splits) => splits.map((at) => this.#timeOfDay(at * 1000)),
        },
        { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
      ],
      series: [
        {},
        ...SERIES.map((name, i) => ({
          label: name,
          fill: colour(`--${name}`),
          width: 0,
          points: { show: false },
          paths: grouped(i),
        })),
      ],
    };
  }
}

/** A day that has just begun is not one huge bar. */
const LEAST_HOURS = 8;

function hoursShown(hours: ArrayLike<number>): [number, number] {
  const first = hours[0] ?? 0;
  const last = Math.max(hours[hours.length - 1] ?? 0, first + LEAST_HOURS * HOUR_S);
  return [first - HOUR_S, last + HOUR_S];
}

/** Parts of an hour's width. */
const BAR = 0.26;
const GAP = 0.02;

/** The bars of one hour stand side by side around it; shares of the width of the chart. */
function grouped(index: number): uPlot.Series.PathBuilder {
  const bars = uPlot.paths.bars;
  if (bars === undefined) throw new Error("uPlot was built without bars");
  const offset = (index - SERIES.length / 2) * BAR * HOUR_S;
  return bars({
    disp: {
      x0: {
        unit: 2,
        values: (plot) => {
          const [least, width] = range(plot);
          return [...plot.data[0]].map((hour) => (hour + offset - least) / width);
        },
      },
      size: {
        unit: 2,
        values: (plot) => {
          const [, width] = range(plot);
          return plot.data[0].length === 0 ? [] : [((BAR - GAP) * HOUR_S) / width];
        },
      },
    },
  });
}

function range(plot: uPlot): [least: number, width: number] {
  const { min = 0, max = 1 } = plot.scales.x ?? {};
  return [min, max - min || 1];
}

function data(hours: Hour[]): uPlot.AlignedData {
  return [
    hours.map((each) => each.hour / 1000),
    hours.map((each) => each.arrived),
    hours.map((each) => each.answered),
    hours.map((each) => each.abandoned),
  ];
}
