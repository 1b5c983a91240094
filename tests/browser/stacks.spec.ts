/** Files of several pages in the page: all of them denoised, and several learned from. */
import { readFile } from "node:fs/promises";
import { file, read } from "./files";
import { expect, test } from "./page";

const STACK = "77-imagej-z-stack.tif";
const stack = () => file(STACK, read(`../fixtures/field/${STACK}`));

test("all pages of a stack are denoised into one file, and can be leafed through", async ({ app, page }) => {
  const all = page.getByRole("button", { name: "Denoise all pages" });
  await expect(all).toBeHidden();
  await app.show(stack());
  await expect(page.locator("#page-value")).toHaveText("1 of 5");
  // On a fast machine a status stands for a tenth of a second: all of them are written down.
  const said = await page.locator("#status").evaluateHandle((status) => {
    const lines: string[] = [];
    const observer = new MutationObserver(() => lines.push(status.textContent));
    observer.observe(status, { childList: true, characterData: true, subtree: true });
    return lines;
  });
  await all.click();
  await expect(app.status).toHaveText(/^Done in .*: 5 pages, in one file$/, { timeout: 60_000 });
  expect(await said.jsonValue()).toContainEqual(expect.stringMatching(/^Page [2-5] of 5.* · about .* left$/));
  await expect(page.locator("#page-value")).toHaveText("1 of 5");
  await expect(app.divider).toBeVisible();
  await expect(app.strength).toBeHidden();

  const slider = page.getByRole("slider", { name: "Page" });
  const picture = (id: string) =>
    page.evaluate((selector) => document.querySelector<HTMLCanvasElement>(selector)?.toDataURL() ?? "", id);
  for (const number of [2, 3]) {
    const [before, after] = [await picture("#before"), await picture("#after")];
    await slider.press("ArrowRight");
    await expect(page.locator("#page-value")).toHaveText(`${number} of 5`);
    await expect.poll(() => picture("#before")).not.toBe(before);
    await expect.poll(() => picture("#after")).not.toBe(after);
    await expect.poll(async () => (await picture("#after")).length).toBeGreaterThan(1000);
  }

  const begun = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save TIFF, 5 pages" }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toBe("77-imagej-z-stack-denoised.tif");
  await app.show(file("again.tif", await readFile(await download.path())));
  await expect(page.locator("#page-value")).toHaveText("1 of 5");
  await expect(app.downloadButton).toBeHidden();
});

test("a run over a stack is canceled at once, and the page that was shown comes back", async ({
  app,
  page,
}) => {
  await app.show(stack());
  // Eight times the work, and time to cancel it.
  await app.adapt.selectOption("x8");
  await page.getByRole("button", { name: "Denoise all pages" }).click();
  await expect(app.status).toHaveText(/^Page [2-4] of 5/, { timeout: 60_000 });
  await app.cancelButton.click();
  await expect(app.status).toHaveText("Canceled.", { timeout: 2000 });
  await expect(page.locator("#page-value")).toHaveText("1 of 5");
  await expect(app.downloadButton).toBeHidden();
  await app.adapt.selectOption("auto");
  await app.denoise();
  expect((await app.download()).picture.width).toBe(96);
});

test("pages of one scene teach by Noise2Noise", async ({ app, page }) => {
  const about = page.locator("#learn-about");
  await expect(app.objective.locator("option", { hasText: "several shots of one scene" })).toHaveCount(0);
  await app.show(stack());
  await expect(about).toContainText("This file has 5 pages");
  await app.objective.selectOption({ label: "Noise2Noise (several shots of one scene)" });
  await app.budget.selectOption("10");
  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await app.stopButton.click();
  await expect(app.learned).toHaveText(/^(Better after|Not clearly better)/, { timeout: 60_000 });
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
});
