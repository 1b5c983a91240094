/** Fine-tuning in the page, as a person does it. */
import { readFile } from "node:fs/promises";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { file, halves, photo } from "./files";
import { expect, test } from "./page";
import { onStage, worstDifference } from "./pixels";

/** A network that the package has no weights for. */
const UNTRAINED = "sasl-bnn";

/** Has the page measure how long it is deaf: the longest time between two turns of a loop of timers, in two seconds. */
function deafness(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const start = performance.now();
        let [last, longest] = [start, 0];
        const turn = () => {
          const now = performance.now();
          longest = Math.max(longest, now - last);
          last = now;
          if (now < start + 2000) setTimeout(turn, 5);
          else resolve(longest);
        };
        turn();
      }),
  );
}

/** The pixels of the result on screen. */
function shownPixels(page: Page): Promise<string> {
  return page.evaluate(() => document.querySelector<HTMLCanvasElement>("#after")?.toDataURL() ?? "");
}

test("a network without weights learns the photo from scratch", async ({ app, page }) => {
  test.slow();
  const noisy = photo(48, 40);
  await app.show(noisy);
  await app.model.selectOption(UNTRAINED);
  await expect(app.denoiseButton).toBeDisabled();
  await expect(app.learnButton).toHaveText("Train from scratch");
  await app.budget.selectOption("60");
  await app.learnButton.press("Enter");

  await expect(app.stopButton).toBeFocused();
  await expect(app.learning).toContainText(/[1-9]\d* steps? · .+ left/, { timeout: 60_000 });
  await expect(page.getByRole("img", { name: /^Curves/ })).toBeVisible();
  await expect(page.locator("#learn-chart canvas")).toBeVisible();
  await expect(page.getByRole("progressbar", { name: "Tuning" })).toBeVisible();
  // A page that computed would be deaf each time; one whose machine has much else to do, only now and then.
  await expect(async () => {
    expect(await deafness(page)).toBeLessThan(100);
  }).toPass({ timeout: 25_000 });
  await expect(app.stopButton).toBeVisible();
  const first = await shownPixels(page);
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  // The preview changes as the network learns.
  await expect(async () => {
    expect(await shownPixels(page)).not.toBe(first);
  }).toPass({ timeout: 30_000 });

  await expect(app.learned).toHaveText(
    /^Better after \d+ steps?; kept\. \(\d+ steps?, .+\) The estimated error fell by \d+ %\.$/,
    {
      timeout: 120_000,
    },
  );
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  await expect(app.weights).toHaveText(`48x40-${UNTRAINED}.safetensors`);
  const tuned = (await app.download()).picture;
  expect(worstDifference(tuned, { ...tuned, data: Array.from(tuned.data, () => 0) })).toBeGreaterThan(30);

  const begun = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save weights" }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toBe(`48x40-${UNTRAINED}.safetensors`);
  const weights = await readFile(await download.path());

  await app.revertButton.click();
  await expect(app.learned).toHaveText("Back to the original network.");
  await expect(app.denoiseButton).toBeDisabled();
  await app.chooseWeights(file("mine.safetensors", weights));
  await expect(app.weights).toHaveText("mine.safetensors");
  await app.denoise();
  expect(worstDifference((await app.download()).picture, tuned)).toBe(0);
});

test("canceling leaves the result as it was; stopping keeps or says that nothing was better", async ({
  app,
  page,
}) => {
  await app.show(photo(64, 56));
  await app.model.selectOption("unet");
  await expect(app.model).toBeEnabled();
  await app.denoise();
  const before = (await app.download()).picture;

  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await expect(app.denoiseButton).toBeDisabled();
  await page.keyboard.press("Escape");
  await expect(app.learned).toHaveText("The original network is kept.");
  await expect(app.learnButton).toBeFocused();
  await app.denoise();
  expect(worstDifference((await app.download()).picture, before)).toBe(0);

  await app.objective.selectOption("noise2void");
  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await app.stopButton.click();
  await expect(app.learned).toHaveText(
    /^(Better after \d+ steps?; kept|Not clearly better: the original network is kept)\. \(/,
  );
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  // What was chosen stays chosen.
  await expect(app.objective).toHaveValue("noise2void");
});

test("what was learned can be used whatever the estimate says, is shown beside the result before, and given up", async ({
  app,
  page,
}) => {
  // Where all is black or white, no gain can be told.
  await app.show(halves(72, 64));
  await app.denoise();
  const before = (await app.download()).picture;
  await app.budget.selectOption("10");
  await app.learnButton.click();
  await expect(app.learned).toHaveText(/^Not clearly better: the original network is kept\. \(/, {
    timeout: 60_000,
  });
  await expect(app.revertButton).toBeHidden();

  const use = page.getByRole("button", { name: "Use what was learned" });
  await use.click();
  await expect(app.learned).toHaveText(/^What was learned is used, because you chose it\./);
  await expect(app.weights).toHaveText("72x64-unet.safetensors");
  await expect(page.locator("#label-before")).toHaveText("Result 1");
  await expect(page.getByRole("radio", { name: /^Result 2: .*72x64-unet\.safetensors/ })).toBeChecked();
  expect(worstDifference(await onStage(page, "before"), before)).toBe(0);
  await expect(page.getByRole("button", { name: "Save weights" })).toBeVisible();

  await app.revertButton.click();
  await expect(app.learned).toHaveText("Back to the original network.");
  await expect(app.weights).toHaveText(/^Shipped/);
  await expect(use).toBeVisible();
  await page.getByRole("radio", { name: /^Result 1/ }).check();
  expect(worstDifference((await app.download()).picture, before)).toBe(0);
});
