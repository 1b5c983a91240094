/** The packed package in the pages that every bundler makes, see `tests/bundlers`. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { fixture } from "./files";
import { psnr } from "./pixels";
import { readPng } from "./png";

const STRICT = "http://localhost:4322/tests/bundlers";
/** All but the last two are served from a sub-path, under the strict policy. */
const pages = {
  "no bundler": `${STRICT}/plain/index.html`,
  Vite: `${STRICT}/vite/dist/index.html`,
  webpack: `${STRICT}/webpack/index.html`,
  Rollup: `${STRICT}/rollup/index.html`,
  esbuild: `${STRICT}/esbuild/index.html`,
  "Vite's development server": "http://localhost:4323/",
  "Next.js": "http://localhost:4324/out/",
};

async function denoise(page: Page): Promise<void> {
  const link = page.locator("#result");
  const before = await link.getAttribute("href");
  await page.locator("#photo").setInputFiles(fixture("odd.png"));
  await expect(link).toHaveAttribute("href", /^blob:/, { timeout: 90_000 });
  await expect(link).not.toHaveAttribute("href", before ?? "", { timeout: 90_000 });
  await expect(page.getByRole("status")).toHaveText("Done on flex");
}

for (const [name, url] of Object.entries(pages)) {
  test(`${name}: a photo is denoised as natively`, async ({ page, context }) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol === "http:" && hostname !== "localhost") wrong.push(request.url());
    });
    await page.goto(url);
    await expect(page.getByRole("status")).toHaveText("Ready", { timeout: 60_000 });
    await denoise(page);
    const begun = page.waitForEvent("download");
    await page.locator("#result").click();
    const result = readPng(await readFile(await (await begun).path()));
    const native = readFileSync(join(process.env.UNNOISE_NATIVE ?? "", "odd.out.png"));
    // Both round to 8 bits, so they may differ by one level here and there.
    expect(psnr(result, readPng(native))).toBeGreaterThan(48);
    // What is loaded stays loaded.
    await context.setOffline(true);
    await denoise(page);
    expect(wrong).toEqual([]);
  });
}
