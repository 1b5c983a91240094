import type { Denoiser, DenoiseResult } from "unnoise";
import type { Engines } from "./engines";
import type { Size } from "./geometry";
import { isReadByBrowsers } from "./photo";
import type { Stage } from "./stage";

/** Side of the part in view that is denoised first, pixels at most: a second's work for a slow processor. */
const SIDE = 320;
/** Side of a picture that the engine is run on before there is a photo, pixels: enough to have its code compiled well. */
const WARM = 128;
/** Smaller files are open before one would have seen them earlier, bytes. */
const LARGE_FILE = 400_000;
/** Whether a photo is so large that the part in view is worth a run of its own. */
export function deservesLook({ width, height }: Size): boolean {
  return width * height > 2 * SIDE * SIDE;
}

/** A large photo as the browser reads it: 8 bits, but there much sooner. Nothing where it does not, or where that is not worth it. */
export async function earlyBitmap(file: File): Promise<ImageBitmap | undefined> {
  if (file.size < LARGE_FILE || !isReadByBrowsers(file.name)) return undefined;
  // The engine shows the numbers of the file as they are, too.
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => undefined);
  if (!bitmap || deservesLook(bitmap)) return bitmap;
  bitmap.close();
  return undefined;
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

/** Has the browser compile the engine's code well, before a photo comes: the first run takes several times as long as others. */
export async function warmUp(engines: Engines): Promise<void> {
  try {
    const result = await (await engines.get()).denoise(new ImageData(WARM, WARM), { adapt: "plain" });
    result.dispose();
  } catch {
    // Another engine was chosen meanwhile, or this one fails: the first photo will tell.
  }
}
