/** What the page keeps for a reload: photo, settings and tuned weights; until one says no. */
import type { Page } from "@playwright/test";
import { file, grainy, photo, read } from "./files";
import { expect, test } from "./page";
import { psnr, worstDifference } from "./pixels";

/** A network that the package has no weights for. */
const UNTRAINED = "sasl-bnn";
/** A small RED-Net, as a file of weights. */
const POOR = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors");

test("a reload brings back photo, settings and weights; one button deletes all", async ({ app, page }) => {
  const kept = page.getByText("Kept in this browser for a reload");
  await expect(kept).toBeHidden();
  await app.show(photo(64, 56, "mine.png"));
  await expect(kept).toBeVisible();
  await app.adapt.selectOption("plain");
  await app.model.selectOption("hq-ssl");
  await expect(app.model).toBeEnabled();

  await page.reload();
  await expect(app.photoName).toHaveText("mine.png", { timeout: 60_000 });
  await expect(app.status).toHaveText("mine.png is back, from before the page was left.");
  await app.openAdvanced();
  await expect(app.model).toHaveValue("hq-ssl");
  await expect(app.adapt).toHaveValue("plain");
  await app.denoise();
  expect((await app.download()).picture.width).toBe(64);

  await page.getByRole("button", { name: "Delete all" }).click();
  await expect(kept).toBeHidden();
  const left = await page.evaluate(async () => [await caches.keys(), (await indexedDB.databases()).length]);
  expect(left[0]).toEqual([]);
  await page.reload();
  await expect(app.engine).toContainText("Uses", { timeout: 60_000 });
  await expect(app.photoName).toHaveText("Sample photo");
});

test("a reload in the middle of learning loses neither the photo nor the weights from before", async ({
  app,
  page,
}) => {
  await app.show(photo(64, 56, "mine.png"));
  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await page.reload();
  await expect(app.status).toContainText("The tuning that was under way did not come to its end", {
    timeout: 60_000,
  });
  await expect(app.photoName).toHaveText("mine.png");
  await app.denoise();
});

test("a network that learned from scratch waits to learn again after a reload", async ({ app, page }) => {
  await app.show(photo(48, 40, "mine.png"));
  await app.model.selectOption(UNTRAINED);
  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await page.reload();
  await expect(app.status).toContainText("start it again", { timeout: 60_000 });
  await app.openAdvanced();
  await expect(app.model).toHaveValue(UNTRAINED);
  await expect(app.learnButton).toHaveText("Train from scratch");
  await expect(app.denoiseButton).toBeDisabled();
});

/** Puts a network into the page's store as the best of a tuning under way, whole or without its end; or asks for it. */
function keptBest(page: Page, put: "nothing" | "whole" | "damaged" = "nothing"): Promise<boolean> {
  return page.evaluate(
    async ([what, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
      const weights = new File([what === "whole" ? bytes : bytes.subarray(4)], "mine-rednet.safetensors");
      const opening = indexedDB.open("unnoise", 1);
      await new Promise((resolve) => (opening.onsuccess = resolve));
      const store = opening.result.transaction("session", "readwrite").objectStore("session");
      const entry = { version: 1, model: "rednet", step: 7, weights, sha256 };
      const asked = what === "nothing" ? store.get("best") : store.put(entry, "best");
      await new Promise((resolve) => (asked.onsuccess = resolve));
      opening.result.close();
      return asked.result !== undefined;
    },
    [put, POOR.toString("base64")] as const,
  );
}

test("the best network of a tuning that was cut off is offered, unless it is kept damaged", async ({
  app,
  page,
}) => {
  test.slow();
  await app.show(photo(48, 40, "mine.png"));
  await expect(page.getByText("Kept in this browser for a reload")).toBeVisible();
  const use = page.getByRole("button", { name: "Use that network" });
  const back = "mine.png is back, from before the page was left.";
  await keptBest(page, "damaged");
  await page.reload();
  await expect(app.status).toHaveText(back, { timeout: 60_000 });
  await expect(use).toBeHidden();

  await keptBest(page, "whole");
  await page.reload();
  const found = "The tuning did not come to its end; what was learned until then can be used below.";
  await expect(app.status).toHaveText(`${back} ${found}`, { timeout: 60_000 });
  await use.click();
  await expect(app.learned).toHaveText("Better after 7 steps; kept.");
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  await expect(app.weights).toHaveText("mine-rednet.safetensors");
  await expect(use).toBeHidden();
  expect(await keptBest(page)).toBe(false);
  const result = (await app.download()).picture;
  await app.openAdvanced();
  await app.chooseWeights(file("same.safetensors", POOR));
  await expect(app.weights).toHaveText("same.safetensors");
  await app.denoise();
  expect(worstDifference((await app.download()).picture, result)).toBe(0);

  await keptBest(page, "whole");
  await page.getByRole("button", { name: "Delete all" }).click();
  await expect(app.status).toHaveText("Nothing is kept any more.");
  expect(await keptBest(page)).toBe(false);
});

test("what was learned until a reload in the midst of it is offered, and denoises the photo better", async ({
  app,
  page,
}) => {
  test.slow();
  const { noisy, clean } = grainy("grain.png");
  const denoised = async () => psnr((await app.download()).picture, clean);
  await app.show(noisy);
  // It knows white noise only, so it is soon better than it was.
  await app.model.selectOption("noise2noise");
  await expect(app.model).toBeEnabled();
  await app.denoise();
  const before = await denoised();
  await app.budget.selectOption("180");
  await app.learnButton.click();
  await expect.poll(() => keptBest(page), { timeout: 180_000, intervals: [500] }).toBe(true);
  await page.reload();
  await expect(app.status).toContainText("what was learned until then can be used below", {
    timeout: 60_000,
  });
  await page.getByRole("button", { name: "Use that network" }).click();
  await expect(app.learned).toHaveText(/^Better after [1-9]\d* steps; kept\.$/);
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  expect(await denoised()).toBeGreaterThan(before + 0.5);
});

test("what is kept damaged, or by another version, is dropped", async ({ app, page }) => {
  await app.show(photo(64, 56, "mine.png"));
  await expect(page.getByText("Kept in this browser for a reload")).toBeVisible();
  await page.evaluate(async () => {
    const opening = indexedDB.open("unnoise", 1);
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const store = opening.result.transaction("session", "readwrite").objectStore("session");
    const put = store.put({ version: 99, photo: "nonsense" }, "unnoise");
    await new Promise((resolve) => (put.onsuccess = resolve));
    opening.result.close();
  });
  await page.reload();
  await expect(app.engine).toContainText("Uses", { timeout: 60_000 });
  await expect(app.photoName).toHaveText("Sample photo");
  await expect(app.status).toHaveText(/^What was kept from before cannot be used: .* It was deleted\.$/);
  await app.denoise();
  await page.reload();
  await expect(app.engine).toContainText("Uses", { timeout: 60_000 });
  await expect(page.locator("#status")).toBeEmpty();
});

test("without room in the browser nothing is said to be kept, and all else works", async ({ app, page }) => {
  await page.evaluate(() => {
    const full = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    IDBObjectStore.prototype.put = full;
    Cache.prototype.put = full;
  });
  await app.show(photo(64, 56, "mine.png"));
  await app.denoise();
  await expect(page.getByText("Kept in this browser for a reload")).toBeHidden();
  await app.model.selectOption("hq-ssl");
  await expect(app.model).toBeEnabled();
  await app.denoise();
  expect((await app.download()).picture.width).toBe(64);
});
