/** Every pair of colours that the pages put on each other is legible, light and dark (WCAG 2 AA). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync(new URL("../src/styles/tokens.css", `file://${__filename}`), "utf8");

function tokens(block: string): Map<string, string> {
  return new Map(
    [...block.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, a = "", b = ""]) => [a, b]),
  );
}

const [lightBlock = "", darkBlock = ""] = css.split("@media (prefers-color-scheme: dark)");
const light = tokens(lightBlock);
const dark = new Map([...light, ...tokens(darkBlock)]);

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const TEXT = 4.5;
/** Edges of controls, the focus ring, bars of the chart. */
const SHAPE = 3;

const PAIRS: [string, string, number][] = [
  ...["bg", "surface", "sunken", "good-bg", "busy-bg", "warn-bg", "bad-bg"].map(
    (under): [string, string, number] => ["ink", under, TEXT],
  ),
  ...["bg", "surface", "sunken"].map((under): [string, string, number] => ["ink-2", under, TEXT]),
  ...["good", "busy", "warn", "bad"].flatMap((tone): [string, string, number][] => [
    [tone, `${tone}-bg`, TEXT],
    [tone, "surface", TEXT],
  ]),
  ["accent", "bg", TEXT],
  ["accent", "surface", TEXT],
  ["on-accent", "accent", TEXT],
  ["on-good", "good", TEXT],
  ["on-bad", "bad", TEXT],
  ["good", "bg", TEXT],
  ["edge", "surface", SHAPE],
  ["edge", "bg", SHAPE],
  ["focus", "bg", SHAPE],
  ["focus", "surface", SHAPE],
  ["answered", "surface", SHAPE],
  ["abandoned", "surface", SHAPE],
];

test.each([
  ["light", light],
  ["dark", dark],
] as const)("%s", (_name, theme) => {
  const poor = PAIRS.map(([over, under, least]) => {
    const ratio = contrast(theme.get(`--${over}`) ?? "", theme.get(`--${under}`) ?? "");
    return { over, under, ratio, least };
  }).filter(({ ratio, least }) => !(ratio >= least));
  expect(poor).toEqual([]);
});
