/** A result before anything was read or chosen. */
import { photo } from "./files";
import { expect, test } from "./page";

test.use({ atOnce: true });

test("a dropped photo is denoised without a click, and saved by one", async ({ app }) => {
  await app.drop(photo(96, 64, "small.png"));
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  const { name, picture } = await app.download();
  expect(name).toBe("small-denoised.png");
  expect([picture.width, picture.height]).toEqual([96, 64]);
});

test("of a large photo the part in view comes first, at 100 %, and the time is told", async ({
  app,
  page,
}) => {
  // Ten passes of a large network over nine megapixels: minutes on any processor.
  await app.model.selectOption("unet-large");
  await expect(app.model).toBeEnabled();
  await app.adapt.selectOption("r3");
  await app.drop(photo(3600, 2400, "large.png"));
  await expect(app.status).toHaveText(/^The part in view is denoised\. The whole photo takes about \d+ min/, {
    timeout: 100_000,
  });
  await expect(page.locator("#zoom-value")).toHaveText("100 %");
  await expect(app.denoiseButton).toBeEnabled();
  // The middle is denoised, what is around is not.
  const [middle, corner] = await page.evaluate(() => {
    const after = document.querySelector<HTMLCanvasElement>("#after");
    const { width = 1, height = 1 } = after ?? {};
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (after) copy?.drawImage(after, 0, 0);
    return [
      [width / 2, height / 2],
      [5, 5],
    ].map(([x = 0, y = 0]) => copy?.getImageData(x, y, 1, 1).data[3]);
  });
  expect([middle, corner]).toEqual([255, 0]);
  await expect(page.locator("#purpose-about")).toContainText(/About \d+ min for this photo/);
});

test("kinds of photos choose network and method, and say the new size", async ({ app, page }) => {
  const purpose = page.getByRole("combobox", { name: "What is it?" });
  const about = page.locator("#purpose-about");
  await purpose.selectOption("scan");
  await expect(app.adapt).toHaveValue("plain");
  await expect(page.locator("#purpose-example")).toHaveAttribute("src", /scan/);
  await expect(page.locator("#purpose-example")).toHaveJSProperty("naturalWidth", 240);
  await expect(app.model).toHaveValue("unet");
  await expect(app.model).toBeEnabled();
  await app.adapt.selectOption("x8");
  await expect(purpose).toHaveValue("custom");
  await purpose.selectOption("enlarge2");
  await expect(app.model).toHaveValue("dasr-x2");
  await expect(about).toContainText("The new size is 1536 × 1024.");
  await expect(app.model).toBeEnabled();
  await app.drop(photo(24, 16, "tiny.png"));
  await expect(app.status).toContainText("enlarged to 48 × 32", { timeout: 60_000 });
  await expect(purpose).toHaveValue("enlarge2");
  // One run tells how long each of the others would take.
  await expect(purpose.locator("option[value=photo]")).toHaveText(/^Photo · about \d+ s$/);
});

test("what is there first stays where it is while the engine starts", async ({ page }) => {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        shifts.push((entry as PerformanceEntry & { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto("./");
  await expect(page.locator("#device-about")).toContainText("Uses", { timeout: 60_000 });
  await expect(page.locator("#purpose-about")).toHaveText(/^Any photo from a phone or camera/);
  const moved = await page.evaluate(() =>
    (globalThis as unknown as { shifts: number[] }).shifts.reduce((sum, shift) => sum + shift, 0),
  );
  expect(moved).toBeLessThan(0.05);
});
