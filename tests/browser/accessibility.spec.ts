/** Usable by keyboard, by ear, on a narrow screen, in light and in dark. */
import { AxeBuilder } from "@axe-core/playwright";
import { file, photo } from "./files";
import { expect, test } from "./page";

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing in ${colorScheme}`, async ({ app, page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const violations = async () => (await new AxeBuilder({ page }).analyze()).violations;
    expect(await violations()).toEqual([]);
    await app.show(photo(48, 32));
    await app.denoise();
    await page.getByText("What the noise is like").click();
    await expect(page.getByRole("img", { name: /^Strength of the noise/ })).toBeVisible({ timeout: 60_000 });
    await app.drop(file("letter.png", "Dear Sir or Madam"));
    await expect(app.alert).toBeVisible();
    expect(await violations()).toEqual([]);
  });
}

test("the boundary, the zoom and the photo move by keyboard", async ({ app, page }) => {
  await app.show(photo(48, 32));
  await app.denoise();
  await app.divider.focus();
  await expect(app.divider).toHaveAttribute("aria-valuenow", "50");
  await page.keyboard.press("ArrowLeft");
  await expect(app.divider).toHaveAttribute("aria-valuetext", "48 % noisy, 52 % denoised");
  await page.keyboard.press("End");
  await expect(app.divider).toHaveAttribute("aria-valuenow", "100");

  const zoom = page.locator("#zoom-value");
  await page.locator("#viewport").focus();
  await page.keyboard.press("1");
  await expect(zoom).toHaveText("100 %");
  await page.keyboard.press("+");
  await expect(zoom).toHaveText("150 %");
  await page.keyboard.press("0");
  await expect(page.getByRole("button", { name: "Fit" })).toHaveAttribute("aria-pressed", "true");
});

test("every control can be reached with Tab", async ({ app, page }) => {
  await app.show(photo(48, 32));
  await app.denoise();
  await page.getByText("What the noise is like").press("Enter");
  await expect(page.getByRole("button", { name: "Save noise model" })).toBeVisible({ timeout: 60_000 });
  const reached = new Set<string>();
  await page.locator("body").press("Tab");
  for (let i = 0; i < 60; i++) {
    reached.add(await page.evaluate(() => document.activeElement?.id ?? ""));
    await page.keyboard.press("Tab");
  }
  const controls = ["purpose", "viewport", "divider", "zoom-fit", "theme", "open", "denoise", "strength"];
  for (const id of [
    ...controls,
    "noise-save",
    "noise-open",
    "download",
    "copy",
    "model",
    "weights-open",
    "device",
  ])
    expect(reached).toContain(id);
});

test("nothing is cut off at 360 pixels", async ({ app, page }) => {
  await page.setViewportSize({ width: 360, height: 700 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
  await app.denoiseButton.scrollIntoViewIfNeeded();
  await expect(app.denoiseButton).toBeInViewport();
});

test("the chosen theme is remembered", async ({ app, page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Dark theme" }).click();
  const dark = await background();
  expect(dark).not.toBe(light);
  await app.open();
  expect(await background()).toBe(dark);
});
