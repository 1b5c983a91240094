/** PNG files: writing pixels, and taking metadata over or away. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
/** Chunks that the picture is not the same without. */
const PICTURE = [
  "IHDR",
  "PLTE",
  "tRNS",
  "IDAT",
  "IEND",
  "iCCP",
  "sRGB",
  "gAMA",
  "cHRM",
  "cICP",
  "sBIT",
  "pHYs",
];
/** Chunks that hold pixels, or depend on how they are held. */
const PIXELS = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "sBIT"];
/** Colour types by samples per pixel. */
const COLOUR_TYPES = [0, 0, 4, 2, 6];

/** Interleaved samples of 8 or 16 bits, or floats: 1 gray, 2 gray and alpha, 3 colours, 4 colours and alpha. */
export interface Samples {
  readonly data: Uint8ClampedArray | Uint16Array | Float32Array;
  /** Pixels. */
  readonly width: number;
  /** Samples per pixel. */
  readonly channels: number;
}

interface Chunk {
  readonly type: string;
  /** All of it: length, type, data and checksum. */
  readonly bytes: Uint8Array;
}

/** Writes a file. */
export async function encodePng(samples: Samples): Promise<Uint8Array<ArrayBuffer>> {
  const { data, width, channels } = samples;
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, data.length / channels / width);
  header.setUint8(8, 8 * data.BYTES_PER_ELEMENT);
  header.setUint8(9, COLOUR_TYPES[channels] ?? 2);
  const packed = await deflated(
    filtered(bigEndian(data), width * channels * data.BYTES_PER_ELEMENT, samples),
  );
  return joined([
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** The pixels of one file with all that another one says of them. */
export function dressPng(pixels: Uint8Array, donor: Uint8Array): Uint8Array<ArrayBuffer> {
  const said = chunksOf(donor).filter(({ type }) => !PIXELS.includes(type));
  const [header, ...rest] = chunksOf(pixels);
  return joined([...(header ? [header] : []), ...said, ...rest]);
}

/** The file without what it says of camera, time and place. */
export function stripPng(file: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined(chunksOf(file).filter(({ type }) => PICTURE.includes(type)));
}

function chunksOf(file: Uint8Array): Chunk[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE.length; at + 12 <= file.length;) {
    const end = at + 12 + view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    chunks.push({ type, bytes: file.subarray(at, end) });
    at = end;
  }
  return chunks;
}

function joined(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const length = chunks.reduce((sum, { bytes }) => sum + bytes.length, SIGNATURE.length);
  const out = new Uint8Array(length);
  out.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const { bytes } of chunks) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

function chunk(type: string, data: Uint8Array): Chunk {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(
    Array.from(type, (letter) => letter.charCodeAt(0)),
    4,
  );
  bytes.set(data, 8);
  view.setUint32(8 + data.length, checksum(bytes.subarray(4, 8 + data.length)));
  return { type, bytes };
}

function bigEndian(data: Samples["data"]): Uint8Array {
  if (!(data instanceof Uint16Array)) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  const out = new Uint8Array(2 * data.length);
  for (const [i, value] of data.entries()) {
    out[2 * i] = value >> 8;
    out[2 * i + 1] = value & 255;
  }
  return out;
}

/** Each row less what its neighbours foretell, by the Paeth predictor, which suits photos. */
function filtered(bytes: Uint8Array, row: number, { data, channels }: Samples): Uint8Array<ArrayBuffer> {
  const step = channels * data.BYTES_PER_ELEMENT;
  const rows = bytes.length / row;
  const out = new Uint8Array(rows * (row + 1));
  for (let y = 0; y < rows; y++) {
    const target = y * (row + 1) + 1;
    out[target - 1] = 4;
    for (let x = 0; x < row; x++) {
      const i = y * row + x;
      const left = x >= step ? (bytes[i - step] ?? 0) : 0;
      const above = y > 0 ? (bytes[i - row] ?? 0) : 0;
      const corner = x >= step && y > 0 ? (bytes[i - row - step] ?? 0) : 0;
      out[target + x] = (bytes[i] ?? 0) - paeth(left, above, corner);
    }
  }
  return out;
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

/** Bytes, packed by zlib. */
export async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32. */
function checksum(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 255] ?? 0) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
