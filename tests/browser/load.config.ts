/**
 * What takes long and is not part of the tests that run every day: load for as long as `UNNOISE_LOAD_MINUTES` says (`npm run load`), and 50
 * megapixels in a browser with little memory (`npm run fifty`).
 */
import { defineConfig } from "@playwright/test";
import usual, { server } from "./playwright.config";

/** One that the tests do not use, so that they can run at the same time. */
const PORT = Number(process.env.UNNOISE_PORT ?? 4331);

export default defineConfig({
  ...usual,
  testMatch: ["load.ts", "fifty.ts"],
  outputDir: "test-results/load",
  reporter: "list",
  timeout: 0,
  // Hours on a machine that does other things besides: what is slow is not wrong.
  expect: { timeout: 300_000 },
  use: { ...usual.use, baseURL: `http://localhost:${PORT}/` },
  webServer: server("dist", PORT),
  projects: (usual.projects ?? []).filter(({ name }) => name === "cpu"),
});
