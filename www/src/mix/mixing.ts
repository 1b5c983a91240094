/** Mixes a denoised photo with the photo itself: pixel by pixel, so that no network runs again. */

/** How much of what denoising took away is taken away. All from 0 to 1. */
export interface Mix {
  /** Of all of it: 0 is the photo as it was. */
  readonly strength: number;
  /** The share of the fine luminance that is given back: texture, and grain with it. */
  readonly detail: number;
  /** Of its colour, as apart from its luminance. */
  readonly colour: number;
}

/** The result as the network made it. */
export const WHOLE: Mix = { strength: 1, detail: 0, colour: 1 };

/** Interleaved samples of two pictures of one size. */
export interface Pair {
  readonly before: ArrayLike<number>;
  readonly after: ArrayLike<number>;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Samples per pixel. */
  readonly channels: number;
  /** How many of them are colours: 1 or 3; what is left is alpha. */
  readonly colours: number;
}

/** Standard deviation of the blur that tells fine from coarse, pixels; the engine's. */
const SIGMA = 2;
/** How far the blur reaches, pixels. */
const REACH = 6;
/** Rec. 709. */
const LUMINANCE = [0.2126, 0.7152, 0.0722];
const KERNEL = gaussian();

/** Whether it is the result as the network made it. */
export function isWhole({ strength, detail, colour }: Mix): boolean {
  return strength === 1 && detail === 0 && colour === 1;
}

/**
 * Writes the rows from `top` on into `out`, which holds that many.
 *
 * @param fine the {@link fineLuminance} of these rows, where there is detail to give back
 */
export function mixRows(
  out: Float32Array | Uint8ClampedArray,
  { before, after, width, channels, colours }: Pair,
  top: number,
  { strength, detail, colour }: Mix,
  fine: ArrayLike<number> | undefined,
): void {
  const first = top * width * channels;
  const weights = colours === 1 ? [1] : LUMINANCE;
  for (let target = 0, pixel = 0; target < out.length; target += channels, pixel++) {
    const source = first + target;
    let luminance = 0;
    for (let c = 0; c < colours; c++) luminance += (weights[c] ?? 0) * change(before, after, source + c);
    const given = fine ? strength * detail * (fine[pixel] ?? 0) : 0;
    for (let c = 0; c < channels; c++) {
      const old = before[source + c] ?? 0;
      const tint = change(before, after, source + c) - luminance;
      out[target + c] = c < colours ? old + strength * (luminance + colour * tint) + given : old;
    }
  }
}

/** The fine luminance that was taken away in `rows` rows from `top` on, in units of the samples. */
export function fineLuminance(pair: Pair, top: number, rows: number): Float32Array {
  const { width } = pair;
  const removed = removedLuminance(pair, top - REACH, rows + 2 * REACH);
  const coarse = blurColumns(blurRows(removed, width), width, rows);
  return coarse.map((value, i) => (removed[i + REACH * width] ?? 0) - value);
}

function change(before: ArrayLike<number>, after: ArrayLike<number>, i: number): number {
  return (after[i] ?? 0) - (before[i] ?? 0);
}

/** Luminance of what was taken away; the picture is reflected at its borders. */
function removedLuminance(pair: Pair, top: number, rows: number): Float32Array {
  const { before, after, width, height, channels, colours } = pair;
  const weights = colours === 1 ? [1] : LUMINANCE;
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = reflected(top + row, height) * width;
    for (let x = 0; x < width; x++) {
      const source = (start + x) * channels;
      let sum = 0;
      for (let c = 0; c < colours; c++) sum -= (weights[c] ?? 0) * change(before, after, source + c);
      out[row * width + x] = sum;
    }
  }
  return out;
}

function blurRows(values: Float32Array, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const x = i % width;
    const start = i - x;
    let sum = 0;
    for (let k = -REACH; k <= REACH; k++) {
      sum += (KERNEL[Math.abs(k)] ?? 0) * (values[start + reflected(x + k, width)] ?? 0);
    }
    out[i] = sum;
  }
  return out;
}

/** Blurs downwards; `values` has as many rows more, above and below, as the blur reaches. */
function blurColumns(values: Float32Array, width: number, rows: number): Float32Array {
  const out = new Float32Array(rows * width);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let k = 0; k <= 2 * REACH; k++) {
      sum += (KERNEL[Math.abs(k - REACH)] ?? 0) * (values[i + k * width] ?? 0);
    }
    out[i] = sum;
  }
  return out;
}

/** Weights from the middle outwards; with both sides they are 1 in sum. */
function gaussian(): number[] {
  const kernel = Array.from({ length: REACH + 1 }, (_, i) => Math.exp(-(i * i) / (2 * SIGMA * SIGMA)));
  const sum = kernel.reduce((total, weight, i) => total + (i === 0 ? weight : 2 * weight), 0);
  return kernel.map((weight) => weight / sum);
}

/** A place outside of 0 to `length - 1`, reflected at the border until it is inside; the border itself is not repeated. */
function reflected(place: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inside = ((place % period) + period) % period;
  return inside < length ? inside : period - inside;
}
