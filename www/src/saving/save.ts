import type { DenoiseResult, ImageType } from "unnoise";
import { isWhole, WHOLE, type Mix } from "../mix/mixing";
import { stripJpeg } from "./jpeg";
import { stripPng } from "./png";
import type { Picture } from "./redraw";
import type { Drawing } from "./redraw-worker";
import { stripTiff } from "./tiff";
import { stripWebp } from "./webp";

/** How a file is to be. */
export interface SaveOptions {
  readonly type: ImageType;
  /** Of a JPEG, from 0 to 1. */
  readonly quality: number;
  /** By how much both sides are divided: 1, 2 or 4. */
  readonly factor: number;
  /** Whether more than 8 bits are kept where the photo has them. */
  readonly ownDepth: boolean;
  /** Whether what the photo says of camera, time and place is kept. */
  readonly metadata: boolean;
}

/** What counts of the photo that was denoised. */
export interface Facts {
  /** Bits per sample. */
  readonly bitDepth: number;
  /** Colour channels: 1 or 3. */
  readonly channels: number;
  readonly hasAlpha: boolean;
}

/** Types that files can be drawn anew in; the engine alone writes the others. */
const DRAWN: readonly ImageType[] = ["image/png", "image/jpeg", "image/tiff"];

/** Whether the engine does not write such a file itself, so that it is drawn here. */
export function needsDrawing(
  { factor, ownDepth, type }: SaveOptions,
  { colour }: Mix,
  { bitDepth }: Facts,
): boolean {
  return factor > 1 || colour < 1 || (!ownDepth && bitDepth === 16 && type === "image/png");
}

/** Whether files of this type can be drawn anew. */
export function canBeDrawn(type: ImageType): boolean {
  return DRAWN.includes(type);
}

/** The file of a result. What the engine can write keeps all that the photo had; the rest is drawn from its pixels. */
export async function fileOf(
  result: DenoiseResult,
  mix: Mix,
  options: SaveOptions,
  facts: Facts,
): Promise<Blob> {
  const applied = result.scale > 1 ? WHOLE : mix;
  const view = isWhole(applied) ? result : result.withStrength(applied.strength).withDetail(applied.detail);
  const written = await view.blob(options.type, options.quality);
  const drawn = needsDrawing(options, applied, facts)
    ? await draw(await drawingOf(result, view, applied, options, facts, written))
    : written;
  return options.metadata ? drawn : stripped(drawn);
}

async function drawingOf(
  result: DenoiseResult,
  view: DenoiseResult,
  mix: Mix,
  { type, quality, factor, ownDepth }: SaveOptions,
  { bitDepth, channels, hasAlpha }: Facts,
  donor: Blob,
): Promise<Drawing> {
  const bits = depthOf(type, bitDepth, ownDepth);
  const deep = bits > 8;
  const pixels = (of: DenoiseResult) => pictureOf(of, deep, channels);
  const mixes = mix.colour < 1;
  return {
    before: mixes ? await pixels(result.withStrength(0)) : undefined,
    after: await pixels(mixes ? result.withStrength(1).withDetail(0) : view),
    mix,
    top: deep ? 1 : 255,
    factor,
    bits,
    gray: channels === 1,
    opaque: !hasAlpha,
    type: type === "image/webp" ? "image/png" : type,
    quality,
    donor,
  };
}

/** Bits per sample of a file: TIFF holds all that photos have, PNG up to 16. */
function depthOf(type: ImageType, bitDepth: number, ownDepth: boolean): 8 | 16 | 32 {
  if (type === "image/tiff" && bitDepth > 8) return bitDepth === 16 ? 16 : 32;
  return ownDepth && bitDepth === 16 && type === "image/png" ? 16 : 8;
}

async function pictureOf(result: DenoiseResult, deep: boolean, colours: number): Promise<Picture> {
  if (deep) {
    const { data, width, channels } = await result.float32();
    return { data, width, channels, colours };
  }
  const { data, width } = await result.imageData();
  return { data, width, channels: 4, colours: 3 };
}

function draw(drawing: Drawing): Promise<Blob> {
  const worker = new Worker(new URL("./redraw-worker.ts", import.meta.url), { type: "module" });
  return new Promise<Blob>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ file?: Blob; error?: string }>) => {
      if (data.file) resolve(data.file);
      else reject(new Error(data.error));
    };
    worker.onerror = ({ message }) => {
      reject(new Error(message));
    };
    const pictures = [drawing.before, drawing.after];
    worker.postMessage(
      drawing,
      pictures.flatMap((picture) => (picture ? [picture.data.buffer] : [])),
    );
  }).finally(() => {
    worker.terminate();
  });
}

async function stripped(file: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (file.type === "image/jpeg") return stripJpeg(bytes);
  if (file.type === "image/webp") return stripWebp(bytes);
  if (file.type === "image/tiff") return stripTiff(bytes);
  return file.type === "image/png" ? new Blob([stripPng(bytes)], { type: file.type }) : file;
}
