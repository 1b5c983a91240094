/** Draws a result anew for a file: mixed, shrunk, in another depth. */
import { fineLuminance, mixRows, type Mix, type Pair } from "../mix/mixing";
import type { Samples } from "./png";

/** Interleaved samples, from 0 to `top`. */
export interface Picture {
  readonly data: Uint8ClampedArray | Float32Array;
  /** Pixels. */
  readonly width: number;
  /** Samples per pixel, alpha last where there is one. */
  readonly channels: number;
  /** How many of them are colours. */
  readonly colours: number;
}

/** Rows that are mixed at a time. */
const ROWS = 64;

/** Mixes a result with the photo. */
export function mixed(before: Picture, after: Picture, mix: Mix): Picture {
  const { width, channels, colours } = after;
  const height = after.data.length / channels / width;
  const pair: Pair = { before: before.data, after: after.data, width, height, channels, colours };
  const data = after.data.slice();
  for (let top = 0; top < height; top += ROWS) {
    const rows = Math.min(ROWS, height - top);
    const out = data.subarray(top * width * channels, (top + rows) * width * channels);
    mixRows(out, pair, top, mix, mix.detail > 0 ? fineLuminance(pair, top, rows) : undefined);
  }
  return { ...after, data };
}

/** Size of a side of a picture that is shrunk by `factor`. */
export function shrunkSide(side: number, factor: number): number {
  return Math.max(1, Math.floor(side / factor));
}

/** Shrinks a picture: each pixel is the mean of `factor` times `factor`, weighed by their alpha. */
export function shrunk(picture: Picture, factor: number): Picture {
  const { data, width, channels, colours } = picture;
  const height = data.length / channels / width;
  const [columns, rows] = [shrunkSide(width, factor), shrunkSide(height, factor)];
  const out = new Float32Array(columns * rows * channels);
  for (let i = 0; i < columns * rows; i++) {
    const [x, y] = [(i % columns) * factor, Math.floor(i / columns) * factor];
    let total = 0;
    const sums = new Float64Array(channels);
    for (let k = 0; k < factor * factor; k++) {
      const [column, row] = [
        Math.min(width - 1, x + (k % factor)),
        Math.min(height - 1, y + Math.floor(k / factor)),
      ];
      const source = (row * width + column) * channels;
      const weight = channels > colours ? (data[source + colours] ?? 0) : 1;
      total += weight;
      for (let c = 0; c < channels; c++) {
        sums[c] = (sums[c] ?? 0) + (c < colours ? weight : 1) * (data[source + c] ?? 0);
      }
    }
    for (let c = 0; c < channels; c++) {
      const divisor = c < colours ? total : factor * factor;
      out[i * channels + c] = divisor > 0 ? (sums[c] ?? 0) / divisor : 0;
    }
  }
  return { ...picture, data: out, width: columns };
}

/** The samples as a file holds them, of a picture whose numbers go up to `top`, floats as they are; `gray` and `opaque` ones have fewer. */
export function inDepth(
  { data, width, channels, colours }: Picture,
  top: number,
  { bits, gray, opaque }: { bits: 8 | 16 | 32; gray: boolean; opaque: boolean },
): Samples {
  const picked = [...Array(channels).keys()].filter((c) => (c < colours ? c === 0 || !gray : !opaque));
  const pixels = data.length / channels;
  const length = pixels * picked.length;
  const out = new { 8: Uint8ClampedArray, 16: Uint16Array, 32: Float32Array }[bits](length);
  const most = 2 ** bits - 1;
  for (let i = 0; i < pixels; i++) {
    for (const [k, c] of picked.entries()) {
      const value = data[i * channels + c] ?? 0;
      const share = Math.min(1, Math.max(0, value / top));
      out[i * picked.length + k] = bits === 32 ? value : Math.round(most * share);
    }
  }
  return { data: out, width, channels: picked.length };
}
