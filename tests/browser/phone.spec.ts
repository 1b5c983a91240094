/** On a phone: what one needs first is there without scrolling. */
import { AxeBuilder } from "@axe-core/playwright";
import { photo } from "./files";
import { expect, test } from "./page";

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });

for (const locale of ["en", "de"]) {
  test(`the result is on screen, and so is what saves it (${locale})`, async ({ app, page }) => {
    await page.evaluate((language) => {
      localStorage.setItem("language", language);
    }, locale);
    await page.goto("./");
    await expect(page.locator("#device-about")).not.toBeEmpty({ timeout: 60_000 });
    await expect(page.locator("#open")).toBeInViewport({ ratio: 1 });
    await expect(page.locator("#denoise")).toBeInViewport({ ratio: 1 });
    await page.locator("#file").setInputFiles(photo(96, 64, "small.png"));
    await expect(app.photoName).toHaveText("small.png");
    await page.locator("#denoise").tap();
    await expect(page.locator("#download")).toBeInViewport({ ratio: 1, timeout: 60_000 });
    await expect(page.locator("#divider")).toBeVisible();
    expect(await page.evaluate(() => scrollY)).toBe(0);
    const begun = page.waitForEvent("download");
    await page.locator("#download").tap();
    expect((await begun).suggestedFilename()).toBe("small-denoised.png");
    // The views and the zoom fit in one line.
    const tops = await page.evaluate(() =>
      Array.from(document.querySelectorAll(".bar"), (bar) => bar.getBoundingClientRect().top),
    );
    expect(new Set(tops).size).toBe(1);
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}

test("what has the focus is not hidden by the bar that saves", async ({ app, page }) => {
  await app.show(photo(96, 64));
  await app.denoise();
  for (const id of ["purpose", "strength", "copy", "budget", "model", "language"]) {
    await page.locator(`#${id}`).focus();
    const { bottom, top } = await page.evaluate((name) => {
      const box = (selector: string) => document.querySelector(selector)?.getBoundingClientRect();
      return { bottom: box(`#${name}`)?.bottom ?? 0, top: box(".save-bar")?.top ?? 0 };
    }, id);
    expect(bottom).toBeLessThanOrEqual(top);
  }
});
