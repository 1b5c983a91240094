/** Files the tests feed to the page: fixtures, and what can be made in a few lines. */
import { readFileSync } from "node:fs";
import { pngOf, readPng, writePng, type Pixels } from "./png";

/** A file as the page gets it. */
export interface TestFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** A file of this repository, `path` relative to this folder. */
export function read(path: string): Buffer {
  return readFileSync(new URL(path, import.meta.url));
}

/** A photo from `fixtures/`. */
export function fixture(path: string): TestFile {
  const name = path.replace(/.*\//, "");
  const mimeTypes: Record<string, string> = { png: "image/png", jpg: "image/jpeg", tif: "image/tiff" };
  const mimeType = mimeTypes[name.replace(/.*\./, "")] ?? "application/octet-stream";
  return { name, mimeType, buffer: read(`fixtures/${path}`) };
}

/** A file with these contents. */
export function file(name: string, contents: string | Uint8Array): TestFile {
  return { name, mimeType: "application/octet-stream", buffer: Buffer.from(contents) };
}

/** Random numbers of 32 bits, always the same. */
function numbers(): () => number {
  let state = 1;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

/** A PNG of a gradient with a little noise, always the same. */
export function photo(width: number, height: number, name = `${width}x${height}.png`): TestFile {
  const data = new Uint8Array(3 * width * height);
  const draw = numbers();
  for (let i = 0; i < data.length; i++) {
    const column = Math.floor(i / 3) % width;
    data[i] = 60 + (100 * column) / width + ((draw() >>> 24) & 63);
  }
  return { name, mimeType: "image/png", buffer: writePng(width, height, data) };
}

/** A part of a photo with coarse grain that is the same in all colours, which the default network has a lot to learn of. */
export function grainy(name: string): { readonly noisy: TestFile; readonly clean: Pixels } {
  const [side, left, top, sigma] = [256, 250, 100, 14];
  const { width, data } = readPng(read("fixtures/kodak23_clean.png"));
  const draw = numbers();
  // Means of 3x3 uniform numbers, whose variance is a twelfth.
  const uniform = Array.from({ length: (side + 2) ** 2 }, () => draw() / 2 ** 32 - 0.5);
  const grain = (x: number, y: number) => {
    let sum = 0;
    for (let i = 0; i < 9; i++) sum += uniform[(y + Math.floor(i / 3)) * (side + 2) + x + (i % 3)] ?? 0;
    return sum * sigma * Math.sqrt(12 / 9);
  };
  const place = (i: number) => [Math.floor(i / 3) % side, Math.floor(i / 3 / side)] as const;
  const samples = (value: (i: number) => number) =>
    Uint8ClampedArray.from({ length: 3 * side ** 2 }, (_, i) => value(i));
  const clean = samples((i) => {
    const [x, y] = place(i);
    return data[3 * ((top + y) * width + left + x) + (i % 3)] ?? 0;
  });
  const noisy = samples((i) => (clean[i] ?? 0) + grain(...place(i)));
  const picture = writePng(side, side, new Uint8Array(noisy.buffer));
  return {
    noisy: { name, mimeType: "image/png", buffer: picture },
    clean: { width: side, height: side, channels: 3, depth: 8, data: clean },
  };
}

/** A PNG whose left half is black and whose right half is white. */
export function halves(width: number, height: number, name = `${width}x${height}.png`): TestFile {
  const value = (_: unknown, i: number) => (Math.floor(i / 3) % width < width / 2 ? 0 : 255);
  const data = Uint8Array.from({ length: 3 * width * height }, value);
  return { name, mimeType: "image/png", buffer: writePng(width, height, data) };
}

/** A PNG whose header claims a size that the few bytes after it do not have. */
export function hugePng(width: number, height: number): TestFile {
  return { name: "huge.png", mimeType: "image/png", buffer: pngOf(width, height, new Uint8Array(16)) };
}

/** A tensor of a safetensors file. */
interface Tensor {
  dtype: string;
  shape: number[];
  data: Buffer;
}

/** The shipped weights with something wrong in them, which `spoil` does to the tensors. */
export function spoiltWeights(spoil: (tensors: Map<string, Tensor>) => void): TestFile {
  const bytes = read("../../pkg-config/weights/noise2noise.safetensors");
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const data = Buffer.from(bytes.subarray(start + offsets[0], start + offsets[1]));
    tensors.set(name, { dtype, shape, data });
  }
  spoil(tensors);
  return file("spoilt.safetensors", writeSafetensors(tensors));
}

function writeSafetensors(tensors: Map<string, Tensor>): Buffer {
  const header: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  let end = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    chunks.push(data);
    end += data.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, ...chunks]);
}
