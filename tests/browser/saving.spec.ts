/** Files as one wants them: format, size, depth, with or without what the photo says of itself; and the clipboard. */
import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { file, fixture, photo, read, type TestFile } from "./files";
import { expect, test, type UnnoisePage } from "./page";
import { means, worstDifference } from "./pixels";
import { readPng, type Pixels } from "./png";

const EXIF = "38-exif-big-endian.jpg";

async function save(page: Page): Promise<{ name: string; bytes: Buffer }> {
  const begun = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save photo" }).click();
  const download = await begun;
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Denoises a photo with metadata, and opens what can be chosen of its file. */
async function fileOptions(app: UnnoisePage, page: Page) {
  const format = page.getByRole("combobox", { name: "Format" });
  const size = page.getByRole("combobox", { name: "Size" });
  const metadata = page.getByRole("checkbox", { name: /Keep metadata/ });
  await app.show({ ...file(EXIF, read(`../fixtures/field/${EXIF}`)), mimeType: "image/jpeg" });
  await app.denoise();
  await page.getByText("File options").click();
  return { format, size, metadata };
}

test("a photo is saved in each format, smaller, with its metadata or without", async ({ app, page }) => {
  const { format, size, metadata } = await fileOptions(app, page);
  const facts = await app.photoFacts.textContent();
  const [width = 0, height = 0] = (facts ?? "").match(/\d+/g)?.map(Number) ?? [];

  const cases = [
    { type: "PNG", name: "png", start: "\x89PNG", exif: "eXIf" },
    { type: "JPEG", name: "jpg", start: "\xff\xd8", exif: "Exif\0\0" },
    { type: "WebP", name: "webp", start: "RIFF", exif: "EXIF" },
  ];
  for (const { type, name, start, exif } of cases) {
    await format.selectOption(type);
    await metadata.check();
    const kept = await save(page);
    expect(kept.name).toBe(EXIF.replace(".jpg", `-denoised.${name}`));
    expect(kept.bytes.toString("latin1").startsWith(start)).toBe(true);
    expect(kept.bytes.includes(exif)).toBe(true);
    await metadata.uncheck();
    const stripped = await save(page);
    expect(stripped.bytes.includes(exif)).toBe(false);
    expect(stripped.bytes.length).toBeLessThan(kept.bytes.length);
    expect(await sizeOf(page, stripped.bytes)).toEqual([width, height]);
  }

  await metadata.check();
  await format.selectOption("JPEG");
  const large = await save(page);
  await page.getByRole("slider", { name: "Quality" }).fill("50");
  expect((await save(page)).bytes.length).toBeLessThan(large.bytes.length);
  await size.selectOption({ index: 1 });
  await expect(format.locator("option", { hasText: "WebP" })).toBeDisabled();
  await expect(page.getByText("WebP is saved only at full size")).toBeVisible();
  for (const type of ["JPEG", "PNG"]) {
    await format.selectOption(type);
    const half = await save(page);
    expect(half.bytes.includes(type === "PNG" ? "eXIf" : "Exif\0\0")).toBe(true);
    expect(await sizeOf(page, half.bytes)).toEqual([Math.floor(width / 2), Math.floor(height / 2)]);
  }
});

/** Size of a picture, as the browser reads it. */
function sizeOf(page: Page, bytes: Buffer): Promise<number[]> {
  return page.evaluate(async (base64) => {
    const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const { width, height } = await createImageBitmap(new Blob([data]));
    return [width, height];
  }, bytes.toString("base64"));
}

test("16 bit and transparency survive what is drawn by the page, and 8 bit are to be had", async ({
  app,
  page,
}) => {
  const colour = page.getByRole("slider", { name: "Colour noise removed" });
  await app.show(fixture("deep.png"));
  await app.denoise();
  const whole = (await app.download()).picture;
  await colour.fill("99");
  const drawn = (await app.download()).picture;
  expect(drawn.depth).toBe(16);
  expect(Array.from(drawn.data).some((value) => value % 257 !== 0)).toBe(true);
  expect(worstDifference(drawn, whole)).toBeLessThan(2);
  await colour.fill("100");
  await page.getByText("File options").click();
  await page.getByRole("combobox", { name: "Depth" }).selectOption("8 bit");
  const shallow = (await app.download()).picture;
  expect(shallow.depth).toBe(8);
  const deeper = { ...shallow, depth: 16 as const, data: Array.from(shallow.data, (value) => 257 * value) };
  expect(worstDifference(deeper, whole)).toBeLessThanOrEqual(1);

  const alpha = fixture("alpha.png");
  await app.show(alpha);
  await app.denoise();
  await colour.fill("50");
  const { picture } = await app.download();
  const transparency = ({ data }: { data: ArrayLike<number> }) =>
    Array.from(data).filter((_, i) => i % 4 === 3);
  expect(transparency(picture)).toEqual(transparency(readPng(alpha.buffer)));
});

test("TIFF is drawn in all depths, smaller or with less colour noise removed, with its metadata or without", async ({
  app,
  page,
}) => {
  const { format, size, metadata } = await fileOptions(app, page);
  await format.selectOption("TIFF");
  for (const factor of [0, 1]) {
    await size.selectOption({ index: factor });
    await metadata.check();
    const kept = await save(page);
    expect(kept.name).toBe(EXIF.replace(".jpg", "-denoised.tif"));
    expect(kept.bytes.includes("FieldCam")).toBe(true);
    await metadata.uncheck();
    const stripped = await save(page);
    expect(stripped.bytes.includes("FieldCam")).toBe(false);
    // The engine reads both, and they are of the same pixels.
    const first = await reread(app, file("kept.tif", kept.bytes));
    const second = await reread(app, file("stripped.tif", stripped.bytes));
    expect(worstDifference(first, second)).toBe(0);
    await app.show({ ...file(EXIF, read(`../fixtures/field/${EXIF}`)), mimeType: "image/jpeg" });
    await app.denoise();
    await format.selectOption("TIFF");
  }
});

/** The pixels of a file as the page reads it, by way of a PNG in which nothing was denoised. */
async function reread(app: UnnoisePage, again: TestFile): Promise<Pixels> {
  await app.show(again);
  await app.denoise();
  await app.strength.fill("0");
  await app.page.getByRole("combobox", { name: "Format" }).selectOption("PNG");
  return (await app.download()).picture;
}

for (const [name, depth] of [
  ["87-lzw-predictor-rgb16.tif", "16 bit"],
  ["74-gray8-big-endian.tif", "8 bit"],
  ["64-float32-gray-0-4095.tif", "32-bit float"],
  ["92-gray-alpha.tif", "8 bit"],
  ["97-bigtiff.tif", "16 bit"],
] as const) {
  test(`${name} keeps its depth and its look when it is saved smaller`, async ({ app, page }) => {
    await app.show(file(name, read(`../fixtures/field/${name}`)));
    await app.denoise();
    await app.strength.fill("0");
    await page.getByText("File options").click();
    const format = page.getByRole("combobox", { name: "Format" });
    await page.getByRole("combobox", { name: "Size" }).selectOption({ index: 1 });
    await format.selectOption("TIFF");
    const drawn = await save(page);
    await format.selectOption("PNG");
    const half = (await app.download()).picture;
    const again = await reread(app, file("half.tif", drawn.bytes));
    await expect(app.photoFacts).toContainText(depth);
    expect([again.width, again.height]).toEqual([half.width, half.height]);
    const levels = (picture: Pixels) => means(picture).map((mean) => Math.round(mean));
    // Floats are stretched anew, from the darkest to the brightest there is now.
    if (depth === "32-bit float") expect(levels(again)[0]).toBeGreaterThan(20);
    else expect(worstDifference(again, half)).toBeLessThanOrEqual(1);
  });
}

test("the result is copied", async ({ app, page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await app.show(photo(40, 24));
  await app.denoise();
  await page.getByRole("button", { name: "Copy" }).click();
  await expect(app.status).toHaveText("The photo is in the clipboard.");
  const size = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    const bitmap = await createImageBitmap((await item?.getType("image/png")) ?? new Blob());
    return [bitmap.width, bitmap.height];
  });
  expect(size).toEqual([40, 24]);
});
