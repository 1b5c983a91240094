import type { Size } from "./geometry";

/** Bytes for each pixel of a photo while it is denoised: 17 in Chromium, from 12 to 50 megapixels, and what saving takes. */
const PER_PIXEL = 24;
/** Bytes for each pixel of its result: as computed and as shown. */
const PER_RESULT_PIXEL = 14;
/** Bytes that engine and network take for the tiles of two workers, measured there, too. */
const ENGINE = 0.8e9;
/** Memory that a browser which does not tell is taken to have, gigabytes: a phone, or anything with a mouse. */
const UNTOLD = { phone: 4, other: 8 };
/** The share of a device's memory that one page gets before browsers end it. */
const SHARE = 0.4;

/** Bytes that denoising a photo takes, about. */
export function needed({ width, height }: Size, scale: number): number {
  return ENGINE + width * height * (PER_PIXEL + PER_RESULT_PIXEL * (scale ** 2 - 1));
}

/** Bytes that this device has for it, about. */
export function available(): number {
  const { deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  const untold = matchMedia("(pointer: coarse)").matches ? UNTOLD.phone : UNTOLD.other;
  return SHARE * (deviceMemory ?? untold) * 1e9;
}

/** The size that a photo can be denoised in, where its own is too large. */
export function fitting(photo: Size, scale: number): Size | undefined {
  const excess = (needed(photo, scale) - ENGINE) / Math.max(0.1 * ENGINE, available() - ENGINE);
  if (excess <= 1) return undefined;
  const side = (length: number) => Math.max(1, Math.floor(length / Math.sqrt(excess)));
  return { width: side(photo.width), height: side(photo.height) };
}

/** The photo in another size; what the camera wrote into the file is not in the new one. */
export async function shrunk(photo: Blob, name: string, { width, height }: Size): Promise<File> {
  const options = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
  const bitmap = await createImageBitmap(photo, { ...options, colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  const type = /\.png$/i.test(name) ? "image/png" : "image/jpeg";
  return new File([await canvas.convertToBlob({ type, quality: 0.95 })], name, { type });
}
