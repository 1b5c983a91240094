/** Photos of all kinds, by every way in. */
import { fixture, photo } from "./files";
import { expect, test } from "./page";
import { means, worstDifference } from "./pixels";
import { readPng } from "./png";

test("a dropped photo is denoised and saved under its name", async ({ app }) => {
  await app.drop(fixture("odd.png"));
  await expect(app.photoName).toHaveText("odd.png");
  await expect(app.photoFacts).toHaveText("97 × 61 · 5,917 pixels · 8 bit");
  await app.denoise();
  const { name, picture } = await app.download();
  expect(name).toBe("odd-denoised.png");
  expect([picture.width, picture.height]).toEqual([97, 61]);
});

test("a pasted picture is denoised", async ({ app, page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    await navigator.clipboard.write([
      new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) }),
    ]);
  }, photo(40, 24).buffer.toString("base64"));
  await page.keyboard.press("ControlOrMeta+V");
  await expect(app.photoFacts).toHaveText("40 × 24 · 960 pixels · 8 bit");
  await app.denoise();
});

test("a long file name does not widen the panel", async ({ app, page }) => {
  await app.show(photo(16, 16, `${"long".repeat(40)}.png`));
  const [wide, seen] = await page
    .getByRole("complementary", { name: "Denoising" })
    .evaluate((panel) => [panel.scrollWidth, panel.clientWidth]);
  expect(wide).toBe(seen);
});

for (const [width, height] of [
  [1, 1],
  [7, 5],
  [1, 131],
] as const) {
  test(`a photo of ${width}x${height} keeps its size and brightness`, async ({ app }) => {
    const file = photo(width, height);
    const before = means(readPng(file.buffer));
    const result = await app.result(file);
    expect([result.width, result.height]).toEqual([width, height]);
    for (const [channel, mean] of means(result).entries()) {
      expect(Math.abs(mean - (before[channel] ?? 0))).toBeLessThan(40);
    }
  });
}

test("16 bit stay 16 bit", async ({ app }) => {
  await app.show(fixture("deep.png"));
  await expect(app.photoFacts).toContainText("16 bit");
  await app.denoise();
  const { picture } = await app.download();
  expect(picture.depth).toBe(16);
  expect(Array.from(picture.data).some((value) => value % 257 !== 0)).toBe(true);
});

test("transparency is kept", async ({ app }) => {
  const original = readPng(fixture("alpha.png").buffer);
  const result = await app.result(fixture("alpha.png"));
  expect(result.channels).toBe(4);
  const alpha = ({ data }: { data: ArrayLike<number> }) => Array.from(data).filter((_, i) => i % 4 === 3);
  expect(alpha(result)).toEqual(alpha(original));
});

for (const name of ["cmyk.jpg", "cmyk.tif"]) {
  test(`${name} comes out in its colours`, async ({ app }) => {
    const [red, green, blue] = means(await app.result(fixture(`inputs/${name}`)));
    expect(red).toBeGreaterThan(200);
    expect(green).toBeLessThan(110);
    expect(blue).toBeLessThan(110);
  });
}

test("a photo is turned as its EXIF says", async ({ app }) => {
  await app.show(fixture("inputs/turned.jpg"));
  await expect(app.photoFacts).toContainText("32 × 60");
});

test("another photo replaces the result, and the strength with it", async ({ app }) => {
  const first = await app.result(photo(64, 48, "first.png"));
  await app.strength.fill("0");
  const second = await app.result(photo(64, 48, "second.png"));
  await expect(app.strength).toHaveValue("100");
  expect(worstDifference(first, second)).toBe(0);
});
