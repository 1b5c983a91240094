/** The first thing a visitor does: press the one button. */
import { read } from "./files";
import { expect, test } from "./page";
import { psnr, worstDifference } from "./pixels";
import { readPng } from "./png";

test("the sample photo is denoised, mixed and saved", async ({ app }) => {
  await expect(app.photoFacts).toHaveText("768 × 512 · 0.4 MP · 8 bit");
  await expect(app.engine).toContainText("Uses: Processor. WebGPU finds no adapter on this machine.");
  await expect(app.downloadButton).toBeHidden();
  await app.denoise();
  await expect(app.status).toHaveText(/^Done in [\d.]+ s · Processor · [\d.]+ s per megapixel$/);

  const clean = readPng(read("fixtures/kodak23_clean.png"));
  const noisy = readPng(read("fixtures/kodak23_noisy.png"));
  const full = await app.download();
  expect(full.name).toBe("Sample photo-denoised.png");
  expect(psnr(full.picture, clean)).toBeGreaterThan(psnr(noisy, clean) + 5);

  await app.strength.fill("50");
  const half = await app.download();
  const mean = {
    ...noisy,
    data: Array.from(noisy.data, (value, i) => (value + (full.picture.data[i] ?? 0)) / 2),
  };
  expect(worstDifference(half.picture, mean)).toBeLessThanOrEqual(1);
});
