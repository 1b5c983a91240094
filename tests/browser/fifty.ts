/**
 * 50 megapixels in a browser whose memory is limited: `UNNOISE_CGROUP` is the folder of a control group (Linux, as root), as of
 * `mkdir /sys/fs/cgroup/memory/unnoise; echo 2G > /sys/fs/cgroup/memory/unnoise/memory.limit_in_bytes`. Some minutes.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { chromium } from "@playwright/test";
import usual from "./playwright.config";
import { UnnoisePage, expect, test } from "./page";

const GROUP = process.env.UNNOISE_CGROUP;
const [WIDTH, HEIGHT] = [8660, 5774];
const PATIENCE = 3_600_000;
/** The most memory that the group has had, as either version of control groups calls it. */
const PEAKS = ["memory.max_usage_in_bytes", "memory.peak"];

const { launchOptions } = usual.projects?.find(({ name }) => name === "cpu")?.use ?? {};

/** A noisy photo, written by a browser that is not limited. */
async function large(): Promise<string> {
  const browser = await chromium.launch(launchOptions);
  const page = await browser.newPage();
  const base64 = await page.evaluate(
    async ([width, height]) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const tile = new ImageData(512, 512);
      for (let y = 0; y < height; y += 512) {
        for (let x = 0; x < width; x += 512) {
          for (let i = 0; i < tile.data.length; i++) {
            tile.data[i] = i % 4 === 3 ? 255 : 60 + (140 * x) / width + 50 * Math.random();
          }
          context?.putImageData(tile, x, y);
        }
      }
      const file = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
      const reader = new FileReader();
      reader.readAsDataURL(file);
      await new Promise((done) => (reader.onload = done));
      return (reader.result as string).replace(/.*,/, "");
    },
    [WIDTH, HEIGHT] as const,
  );
  await browser.close();
  const path = resolve("test-results/fifty.jpg");
  writeFileSync(path, Buffer.from(base64, "base64"));
  return path;
}

/** A program that starts the browser within the group. */
function limited(group: string): string {
  const path = resolve("test-results/limited.sh");
  const program = launchOptions?.executablePath ?? "chromium";
  writeFileSync(path, `#!/bin/sh\necho $$ > "${group}/cgroup.procs"\nexec "${program}" "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

test("50 megapixels with the memory of a control group", async ({ baseURL }) => {
  test.skip(GROUP === undefined, "UNNOISE_CGROUP names no control group");
  const group = GROUP ?? "";
  mkdirSync("test-results", { recursive: true });
  const path = await large();
  const browser = await chromium.launch({ ...launchOptions, executablePath: limited(group) });
  const app = new UnnoisePage(
    await browser.newPage({ acceptDownloads: true, ...(baseURL === undefined ? {} : { baseURL }) }),
  );
  await app.page.addInitScript(() => {
    localStorage.setItem("at-once", "no");
  });
  await app.open();
  await app.choose(path);
  await expect(app.photoName).toHaveText("fifty.jpg", { timeout: PATIENCE });
  await app.denoiseButton.click();
  await expect(app.status).toContainText("Done in", { timeout: PATIENCE });
  const download = app.page.waitForEvent("download", { timeout: PATIENCE });
  await app.downloadButton.click();
  expect((await download).suggestedFilename()).toMatch(/^fifty-denoised\./);
  const peak = PEAKS.map((name) => `${group}/${name}`).find((name) => existsSync(name));
  if (peak) console.log(`${(Number(readFileSync(peak, "utf8")) / 2 ** 20).toFixed(0)} MB at most`);
  console.log(await app.status.textContent());
  await browser.close();
});
