import type { Denoiser, DenoiseResult } from "unnoise";
import type { Stage } from "./stage";

/** Side of the part in view that is denoised first, pixels at most: three seconds' work for a slow processor. */
const SIDE = 384;

/** Whether a photo is so large that the part in view is worth a run of its own. */
export function deservesLook({ width, height }: { width: number; height: number }): boolean {
  return width * height > 2 * SIDE * SIDE;
}

/** Denoises the part of the photo in view, in one pass, and paints it. What it returns holds no pixels any more. */
export async function firstLook(
  denoiser: Denoiser,
  stage: Stage,
  signal: AbortSignal,
): Promise<DenoiseResult | undefined> {
  const area = stage.visibleArea(SIDE);
  const pixels = stage.cut(area);
  if (!pixels) return undefined;
  const result = await denoiser.denoise(pixels, { adapt: "plain", signal });
  await stage.paint({ x: area.x, y: area.y, image: await result.imageData() });
  result.dispose();
  return result;
}
