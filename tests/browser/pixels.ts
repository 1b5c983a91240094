/** Seeing and comparing pictures. */
import type { Page } from "@playwright/test";
import type { Pixels } from "./png";

/**
 * One of the two pictures on the stage, as it is shown at 100 percent, where all of it is in view. Opaque ones only: browsers do
 * not keep the colours of others exactly.
 */
export async function onStage(page: Page, id: "before" | "after"): Promise<Pixels> {
  await page.getByRole("button", { name: "100 %", exact: true }).click();
  const { width, height, rgba } = await page.evaluate(async (selector) => {
    // What has changed is drawn in the next frame.
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const canvas = document.querySelector<HTMLCanvasElement>(selector);
    const viewport = document.querySelector<HTMLElement>("#viewport");
    if (!canvas || !viewport) throw new Error(selector);
    const length = (name: string) => Math.round(parseFloat(viewport.style.getPropertyValue(name)));
    const [width, height] = [length("--photo-width"), length("--photo-height")];
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {
      willReadFrequently: true,
    });
    copy?.drawImage(canvas, 0, 0);
    const data = copy?.getImageData(length("--x"), length("--y"), width, height).data;
    return { width, height, rgba: Array.from(data ?? []) };
  }, `#${id}`);
  return { width, height, channels: 3, depth: 8, data: rgba.filter((_, i) => i % 4 < 3) };
}

/** The largest difference between two pictures of one size, in levels of 255. */
export function worstDifference(a: Pixels, b: Pixels): number {
  const shape = ({ width, height, channels, depth }: Pixels) =>
    `${width}x${height}x${channels}, ${depth} bit`;
  if (shape(a) !== shape(b)) throw new Error(`${shape(a)} is not ${shape(b)}`);
  let worst = 0;
  for (let i = 0; i < a.data.length; i++) worst = Math.max(worst, Math.abs(sample(a, i) - sample(b, i)));
  return worst;
}

/** Peak signal-to-noise ratio of two 8-bit pictures, dB. */
export function psnr(a: Pixels, b: Pixels): number {
  if (a.data.length !== b.data.length) throw new Error("the pictures differ in size");
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (sample(a, i) - sample(b, i)) ** 2;
  return 10 * Math.log10((255 ** 2 * a.data.length) / sum);
}

/** The mean of every channel, in levels of 255. */
export function means(picture: Pixels): number[] {
  const sums = Array.from({ length: picture.channels }, () => 0);
  for (let i = 0; i < picture.data.length; i++) {
    const channel = i % picture.channels;
    sums[channel] = (sums[channel] ?? 0) + sample(picture, i);
  }
  return sums.map((sum) => sum / (picture.width * picture.height));
}

function sample({ data, depth }: Pixels, index: number): number {
  return (data[index] ?? Number.NaN) * (depth === 16 ? 255 / 65535 : 1);
}
