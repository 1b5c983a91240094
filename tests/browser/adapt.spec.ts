/** How the network is run depends on the noise of the photo, and on what the user wants. */
import { photo } from "./files";
import { expect, test } from "./page";
import { worstDifference } from "./pixels";
import { writePng } from "./png";

/** A gray photo with noise that spreads over 3x3 pixels, as that of cameras does. */
function blotchy(size: number) {
  let state = 7;
  const white = Array.from({ length: (size + 2) ** 2 * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) - 128;
  });
  const data = new Uint8Array(size * size * 3).map((_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
    let sum = 0;
    for (let k = 0; k < 9; k++) {
      sum += white[((y + Math.floor(k / 3)) * (size + 2) + x + (k % 3)) * 3 + c] ?? 0;
    }
    return 128 + sum / 9;
  });
  return { name: "blotchy.png", mimeType: "image/png", buffer: writePng(size, size, data) };
}

test("correlated noise is seen and taken apart, unless the user says otherwise", async ({ app }) => {
  await app.show(blotchy(96));
  await app.denoise();
  await expect(app.noise).toHaveText(
    /^Noise: [a-z ]+ \(\d+\.\d\), blotchy as from a camera\. Method: every ([23]) pixels apart \(PD \1\), second pass, detail kept, averaged over 2 passes\.$/,
  );
  const apart = (await app.download()).picture;

  await app.adapt.selectOption("plain");
  await app.denoise();
  await expect(app.noise).toHaveText(/ Method: one pass\.$/);
  expect(worstDifference(apart, (await app.download()).picture)).toBeGreaterThan(1);
});

test("white noise is left as it is", async ({ app }) => {
  await app.show(photo(96, 96));
  await app.denoise();
  await expect(app.noise).toHaveText(/^Noise: strong \(\d+\.\d\)\. Method: averaged over 2 passes\.$/);
  const twice = (await app.download()).picture;

  await app.adapt.selectOption("x8");
  await app.denoise();
  await expect(app.noise).toHaveText(/ Method: averaged over 8 passes\.$/);
  expect(worstDifference(twice, (await app.download()).picture)).toBeGreaterThan(0);
});

test("networks that do not know the noise of cameras say which one does", async ({ app }) => {
  const advice = " Noise2Noise was trained for white noise only; unnoise U-Net knows that of cameras.";
  await app.show(blotchy(96));
  await app.model.selectOption("noise2noise");
  await expect(app.model).toBeEnabled();
  await app.denoise();
  await expect(app.noise).toContainText(advice);

  await app.show(photo(96, 96));
  await app.denoise();
  await expect(app.noise).not.toContainText(advice);
});
