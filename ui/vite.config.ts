import { defineConfig } from "vitest/config";
import { mockApi } from "./mock/plugin.ts";

// The pages are one bundle; JsSIP (softphone) and uPlot (chart) are loaded when a page needs them.
export default defineConfig({
  plugins: process.env.VITEST ? [] : [mockApi()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    assetsDir: "assets",
    assetsInlineLimit: 0, // a strict content policy allows no data: scripts, styles or pictures
    target: "es2022",
    modulePreload: { polyfill: false },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
