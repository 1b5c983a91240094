/** Looking at a result: ways to compare, mixing without another run, several results, undo. */
import type { Page } from "@playwright/test";
import { photo } from "./files";
import { expect, test, type UnnoisePage } from "./page";
import { onStage, psnr, worstDifference } from "./pixels";
import type { Pixels } from "./png";

/** What is seen at a place of the stage, from 0 to 1 of its width and height. */
async function seen(page: Page, x: number, y: number): Promise<Buffer> {
  const box = await page.locator("#viewport").boundingBox();
  if (!box) throw new Error("there is no viewport");
  const clip = { x: box.x + x * box.width, y: box.y + y * box.height, width: 8, height: 8 };
  return page.screenshot({ clip });
}

async function denoised(app: UnnoisePage): Promise<void> {
  await app.page.emulateMedia({ reducedMotion: "reduce" });
  await app.show(photo(160, 120, "mine.png"));
  await app.denoise();
}

/** The mean difference of red and blue, which is that of their noise where the photo is gray. */
function colourNoise({ data }: Pixels): number {
  let sum = 0;
  for (let i = 0; i + 2 < data.length; i += 3) sum += Math.abs((data[i] ?? 0) - (data[i + 2] ?? 0));
  return sum / (data.length / 3);
}

test("what is mixed on screen is what is saved: strength, detail, colour", async ({ app, page }) => {
  await denoised(app);
  const whole = (await app.download()).picture;
  const noisy = await onStage(page, "before");
  expect(worstDifference(await onStage(page, "after"), whole)).toBe(0);

  await app.strength.fill("60");
  await page.getByRole("slider", { name: "Detail given back" }).fill("50");
  // The engine writes this one.
  const mixed = (await app.download()).picture;
  expect(worstDifference(mixed, whole)).toBeGreaterThan(5);
  await expect.poll(async () => worstDifference(await onStage(page, "after"), mixed)).toBeLessThanOrEqual(1);

  await page.getByRole("slider", { name: "Detail given back" }).fill("0");
  await app.strength.fill("100");
  await page.getByRole("slider", { name: "Colour noise removed" }).fill("0");
  // The page draws this one.
  const coloured = (await app.download()).picture;
  await expect
    .poll(async () => worstDifference(await onStage(page, "after"), coloured))
    .toBeLessThanOrEqual(1);
  expect(colourNoise(coloured)).toBeGreaterThan(0.8 * colourNoise(noisy));
  expect(colourNoise(whole)).toBeLessThan(0.4 * colourNoise(noisy));
  // Its luminance is that of the result.
  expect(psnr(luminance(coloured), luminance(whole))).toBeGreaterThan(48);
});

function luminance(picture: Pixels): Pixels {
  const data = Array.from(picture.data);
  const of = (i: number) =>
    0.2126 * (data[i] ?? 0) + 0.7152 * (data[i + 1] ?? 0) + 0.0722 * (data[i + 2] ?? 0);
  const first = Array.from({ length: data.length / 3 }, (_, pixel) => of(3 * pixel));
  return { ...picture, channels: 1, data: first };
}

test("steps are undone and done again, also across results; two results are compared", async ({
  app,
  page,
}) => {
  const [undo, redo] = ["Undo", "Redo"].map((name) => page.getByRole("button", { name }));
  if (!undo || !redo) throw new Error("no buttons");
  await denoised(app);
  await expect(undo).toBeDisabled();
  await app.strength.fill("30");
  await app.strength.fill("70");
  await undo.click();
  await expect(app.strength).toHaveValue("30");
  await page.keyboard.press("ControlOrMeta+z");
  await expect(app.strength).toHaveValue("100");
  await redo.click();
  await expect(app.strength).toHaveValue("30");
  const mixed = (await app.download()).picture;

  await expect(page.getByRole("group", { name: "Results" })).toBeHidden();
  await app.adapt.selectOption("plain");
  await app.denoise();
  const second = await onStage(page, "after");
  await expect(page.getByRole("radio", { name: "Result 2: unnoise U-Net, One pass" })).toBeChecked();
  await page.getByRole("radio", { name: /Result 1/ }).check();
  await expect(app.strength).toHaveValue("30");
  await expect.poll(async () => worstDifference(await onStage(page, "after"), mixed)).toBeLessThanOrEqual(1);

  await page.getByRole("combobox", { name: "Compare with" }).selectOption("Result 2");
  await expect(page.locator("#label-before")).toHaveText("Result 2");
  expect(worstDifference(await onStage(page, "before"), second)).toBe(0);
  await page.getByRole("combobox", { name: "Compare with" }).selectOption("Original");
  await expect(page.locator("#label-before")).toHaveText("Original");
  await undo.click();
  await expect(page.getByRole("radio", { name: /Result 2/ })).toBeChecked();
  await expect.poll(async () => worstDifference(await onStage(page, "after"), second)).toBe(0);
});

test("side by side, removed noise, and the original while one holds", async ({ app, page }) => {
  await denoised(app);
  const result = await seen(page, 0.75, 0.5);
  const hold = page.getByRole("button", { name: "Hold to see the original" });
  await page.locator("body").press("o");
  expect(await seen(page, 0.75, 0.5)).toEqual(result);
  await hold.hover();
  await page.mouse.down();
  expect(await seen(page, 0.75, 0.5)).not.toEqual(result);
  await page.mouse.up();
  expect(await seen(page, 0.75, 0.5)).toEqual(result);

  await page.getByRole("button", { name: "Removed noise" }).click();
  await expect(page.locator("#label-after")).toHaveText("Removed noise, amplified");
  expect(await seen(page, 0.75, 0.5)).not.toEqual(result);
  await page.getByRole("button", { name: "Side by side" }).click();
  await expect(app.divider).toBeHidden();
  // The same place of both pictures, at the same place of their panes, at every zoom.
  for (const zoom of ["200 %", "400 %"]) {
    await page.getByRole("button", { name: zoom }).click();
    await expect(page.locator("#zoom-value")).toHaveText(zoom);
    const offset = await page.evaluate(() => {
      const left = (id: string) => document.querySelector(id)?.getBoundingClientRect().left ?? 0;
      return left("#after") - left("#before") - (document.querySelector("#viewport")?.clientWidth ?? 0) / 2;
    });
    expect(Math.abs(offset)).toBeLessThan(1);
  }
});

test.describe("on a phone", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 780 } });

  test("two taps zoom in and out, and side by side is one above the other", async ({ app, page }) => {
    await denoised(app);
    await page.evaluate(() => {
      scrollTo(0, 0);
    });
    const fit = page.getByRole("button", { name: "Fit" });
    const twice = async () => {
      for (let tap = 0; tap < 2; tap++) await page.touchscreen.tap(120, 120);
    };
    await twice();
    await expect(fit).toHaveAttribute("aria-pressed", "false");
    await twice();
    await expect(fit).toHaveAttribute("aria-pressed", "true");
    await page.getByRole("button", { name: "Side by side" }).click();
    const tops = await page.evaluate(() =>
      ["#before", "#after"].map((id) => document.querySelector(id)?.getBoundingClientRect().top ?? 0),
    );
    expect((tops[1] ?? 0) - (tops[0] ?? 0)).toBeGreaterThan(100);
  });
});
