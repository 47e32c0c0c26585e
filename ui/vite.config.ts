import { defineConfig } from "vitest/config";
import { mockApi } from "./mock/plugin.ts";

// The pages are one bundle; JsSIP, Twilio's library (softphones) and uPlot (chart) are loaded when a page needs them.
export default defineConfig({
  plugins: process.env.VITEST ? [] : [mockApi()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    assetsDir: "assets",
    assetsInlineLimit: 0, // a strict content policy allows no data: scripts, styles or pictures
    target: "es2022",
    rolldownOptions: { checks: { pluginTimings: false } },
    modulePreload: { polyfill: false },
  },
  // One environment for all files: making it is what takes time.
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"], isolate: false },
});
