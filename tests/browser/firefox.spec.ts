/** The page in Firefox, by WebDriver BiDi: one flow, from the first screen to a saved photo. */
import { existsSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { launch, type Page } from "puppeteer-core";
import { fixture, read } from "./files";
import { psnr } from "./pixels";
import { readPng } from "./png";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** The words of an element. */
function words(page: Page, selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent);
}

test("in Firefox a photo is opened, denoised, mixed and saved", async ({ baseURL }) => {
  test.skip(!existsSync(FIREFOX), `There is no Firefox at ${FIREFOX} (FIREFOX names another place).`);
  test.slow();
  const browser = await launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
  try {
    const page = await browser.newPage();
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    await page.goto(baseURL ?? "");
    await expect.poll(() => words(page, "#device-about"), { timeout: 60_000 }).toContain("Uses: Processor");
    // What is saved is kept here, for this test to look at.
    await page.evaluate(() => {
      const addressOf = URL.createObjectURL.bind(URL);
      URL.createObjectURL = (blob: Blob) => {
        (globalThis as { saved?: Blob }).saved = blob;
        return addressOf(blob);
      };
    });
    const { name, buffer } = fixture("kodak23_noisy.png");
    await page.evaluate(
      (base64, title) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], title, { type: "image/png" }));
        dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
      },
      buffer.toString("base64"),
      name,
    );
    await expect.poll(() => words(page, "#status"), { timeout: 120_000 }).toMatch(/^Done in .* Processor/);
    await page.click("#download");
    const saved = () =>
      page.evaluate(async () => {
        const { saved: blob } = globalThis as { saved?: Blob };
        const bytes = new Uint8Array((await blob?.arrayBuffer()) ?? []);
        return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
      });
    await expect.poll(async () => (await saved()).length, { timeout: 30_000 }).toBeGreaterThan(1000);
    const result = readPng(Buffer.from(await saved(), "base64"));
    const [clean, noisy] = ["kodak23_clean.png", name].map((one) => readPng(read(`fixtures/${one}`)));
    if (!clean || !noisy) throw new Error("the fixtures are gone");
    expect(psnr(result, clean)).toBeGreaterThan(psnr(noisy, clean) + 5);
    // The stage shows both pictures, and a mix of them.
    const shown = () =>
      page.evaluate(async () => {
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
        return ["#before", "#after"].map((id) => document.querySelector<HTMLCanvasElement>(id)?.toDataURL());
      });
    const [before, after] = await shown();
    expect(before).not.toBe(after);
    await page.$eval("#strength", (slider) => {
      (slider as HTMLInputElement).value = "0";
      for (const type of ["input", "change"]) slider.dispatchEvent(new Event(type));
    });
    await expect.poll(async () => (await shown())[1], { timeout: 30_000 }).toBe(before);
    expect(wrong).toEqual([]);
  } finally {
    await browser.close();
  }
});
