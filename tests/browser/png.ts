/** PNG, as much of it as the tests meet: gray or RGB, with or without alpha, 8 or 16 bit, not interlaced. */
import { crc32, deflateSync, inflateSync } from "node:zlib";

/** A picture; samples are interleaved. */
export interface Pixels {
  width: number;
  height: number;
  /** Samples per pixel. */
  channels: number;
  /** Bits per sample: 8 or 16. */
  depth: number;
  data: ArrayLike<number>;
}

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
/** Samples per pixel by the file's colour type. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Reads a PNG in its own bit depth. */
export function readPng(bytes: Buffer): Pixels {
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) throw new Error("not a PNG");
  const parts: Buffer[] = [];
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT")
      parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const [depth, colorType, interlaced] = [bytes.readUInt8(24), bytes.readUInt8(25), bytes.readUInt8(28)];
  const channels = CHANNELS[colorType];
  if (!channels || depth < 8 || interlaced) throw new Error("a PNG of a kind that the tests do not read");
  const raw = unfilter(
    inflateSync(Buffer.concat(parts)),
    (width * channels * depth) / 8,
    (channels * depth) / 8,
  );
  const data =
    depth === 8 ? raw : Uint16Array.from({ length: raw.length / 2 }, (_, i) => raw.readUInt16BE(2 * i));
  return { width, height, channels, depth, data };
}

/** Undoes the filters: every byte was written as its difference from what its neighbours let expect. */
function unfilter(rows: Buffer, stride: number, pixel: number): Buffer {
  const height = rows.length / (stride + 1);
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    const filter = rows.readUInt8(start);
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < pixel ? 0 : (out[at - pixel] ?? 0);
      const up = y === 0 ? 0 : (out[at - stride] ?? 0);
      const upLeft = x < pixel || y === 0 ? 0 : (out[at - stride - pixel] ?? 0);
      out[at] = (rows[start + 1 + x] ?? 0) + expected(filter, left, up, upLeft);
    }
  }
  return out;
}

function expected(filter: number, left: number, up: number, upLeft: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const estimate = left + up - upLeft;
      const [a, b, c] = [left, up, upLeft].map((value) => Math.abs(estimate - value)) as [
        number,
        number,
        number,
      ];
      return a <= b && a <= c ? left : b <= c ? up : upLeft;
    }
    default:
      throw new Error(`a PNG with a filter ${filter}`);
  }
}

/** Writes an 8-bit RGB PNG. */
export function writePng(width: number, height: number, data: Uint8Array): Buffer {
  const rows = Buffer.alloc((3 * width + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(data.subarray(3 * width * y, 3 * width * (y + 1)), (3 * width + 1) * y + 1);
  }
  return pngOf(width, height, deflateSync(rows));
}

/** An 8-bit RGB PNG with this compressed data in it, be it right or wrong. */
export function pngOf(width: number, height: number, compressed: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", compressed),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(kind: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
