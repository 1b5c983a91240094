/** TIFF files of one picture: writing pixels, and taking metadata over or away. */
import { deflated, type Samples } from "./png";

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  strips: 273,
  samples: 277,
  rows: 278,
  bytes: 279,
  planar: 284,
  predictor: 317,
  colourMap: 320,
  extra: 338,
  format: 339,
};
/** Tags that hold another directory: EXIF, GPS, interoperability. */
const DIRECTORIES = [34665, 34853, 40965];
/** Tags of how pixels are held. */
const PIXELS = Object.values(TAG);
/** Tags that the picture is not the same without, beside those: kind, orientation, resolution and its unit, colour profile. */
const PICTURE = [254, 274, 282, 283, 296, 34675];
/** Bytes of a value, by its type. */
const SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
const [SHORT, LONG] = [3, 4];
/** Classic files have 4 bytes for a place in them, others 8. */
const BIG = 43;

type Bytes = Uint8Array<ArrayBuffer>;

/** An entry of a directory: its values in the byte order of the file, or a directory. */
interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Bytes | readonly Entry[];
}

/** The first directory of a file, and the file's pixels. */
interface Tiff {
  readonly little: boolean;
  readonly entries: readonly Entry[];
  readonly strips: readonly Bytes[];
}

/** The file without what it says of camera, time and place. */
export function stripTiff(file: Bytes): Blob {
  const { little, entries, strips } = read(file);
  return write({
    little,
    strips,
    entries: entries.filter(({ tag }) => [...PIXELS, ...PICTURE].includes(tag)),
  });
}

/** A file with these pixels, and all that another one says of its own. Floats are held as such. */
export async function drawnTiff(samples: Samples, colours: number, donor: Bytes): Promise<Blob> {
  const { little, entries } = read(donor);
  const { data, width, channels } = samples;
  const height = data.length / channels / width;
  const isFloat = data instanceof Float32Array;
  const short = (tag: number, ...values: number[]) => entryOf(tag, SHORT, values, little);
  const long = (tag: number, value: number) => entryOf(tag, LONG, [value], little);
  const every = (value: number) => Array.from({ length: channels }, () => value);
  const own = [
    long(TAG.width, width),
    long(TAG.height, height),
    short(TAG.bits, ...every(8 * data.BYTES_PER_ELEMENT)),
    short(TAG.compression, 8),
    short(TAG.photometric, colours === 3 ? 2 : 1),
    short(TAG.samples, channels),
    long(TAG.rows, height),
    short(TAG.planar, 1),
    ...(isFloat ? [short(TAG.format, ...every(3))] : [short(TAG.predictor, 2)]),
    ...(channels > colours ? [short(TAG.extra, 2)] : []),
  ];
  const pixels = isFloat ? data : differences(data, width * channels, channels);
  const strip = await deflated(ordered(pixels, little));
  const said = entries.filter(({ tag }) => !PIXELS.includes(tag));
  return write({ little, entries: [...said, ...own], strips: [strip] });
}

function read(file: Bytes): Tiff {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = view.getUint16(0) === 0x4949;
  const big = view.getUint16(2, little) === BIG;
  const place = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const wide = big ? 8 : 4;
  const directory = (start: number): Entry[] => {
    const count = big ? place(start) : view.getUint16(start, little);
    const first = start + (big ? 8 : 2);
    return Array.from({ length: count }, (_, i) => entry(first + i * (4 + 2 * wide)));
  };
  const entry = (at: number): Entry => {
    const [tag, type] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    const count = place(at + 4);
    const bytes = count * (SIZES[type] ?? 0);
    const inside = at + 4 + wide;
    if (DIRECTORIES.includes(tag)) return { tag, type: LONG, count: 1, value: directory(place(inside)) };
    const start = bytes <= wide ? inside : place(inside);
    return { tag, type, count, value: file.slice(start, start + bytes) };
  };
  const entries = directory(place(big ? 8 : 4));
  const numbers = (tag: number) => {
    const found = entries.find((one) => one.tag === tag);
    return found && !isDirectory(found.value) ? numbersOf(found, found.value, little) : [];
  };
  const lengths = numbers(TAG.bytes);
  const strips = numbers(TAG.strips).map((start, i) => file.subarray(start, start + (lengths[i] ?? 0)));
  return { little, entries, strips };
}

function numbersOf({ type, count }: Entry, value: Bytes, little: boolean): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: count }, (_, i) => {
    if (type === SHORT) return view.getUint16(2 * i, little);
    return type === LONG ? view.getUint32(4 * i, little) : Number(view.getBigUint64(8 * i, little));
  });
}

function entryOf(tag: number, type: number, values: readonly number[], little: boolean): Entry {
  const size = type === SHORT ? 2 : 4;
  const view = new DataView(new ArrayBuffer(size * values.length));
  for (const [i, value] of values.entries()) {
    if (type === SHORT) view.setUint16(2 * i, value, little);
    else view.setUint32(4 * i, value, little);
  }
  return { tag, type, count: values.length, value: new Uint8Array(view.buffer) };
}

function write({ little, entries, strips }: Tiff): Blob {
  const parts: Bytes[] = [];
  let length = 8;
  /** Takes up bytes, from an even place on, and tells which. */
  const put = (bytes: Bytes): number => {
    const start = length;
    const padded = bytes.length % 2 === 0 ? [bytes] : [bytes, new Uint8Array(1)];
    parts.push(...padded);
    length += bytes.length + (bytes.length % 2);
    return start;
  };
  const putDirectory = (all: readonly Entry[]): number => {
    const sorted = [...all].sort((a, b) => a.tag - b.tag);
    const view = new DataView(new ArrayBuffer(6 + 12 * sorted.length));
    view.setUint16(0, sorted.length, little);
    for (const [i, { tag, type, count, value }] of sorted.entries()) {
      const at = 2 + 12 * i;
      view.setUint16(at, tag, little);
      view.setUint16(at + 2, type, little);
      view.setUint32(at + 4, count, little);
      if (!isDirectory(value) && value.length <= 4) new Uint8Array(view.buffer).set(value, at + 8);
      else view.setUint32(at + 8, isDirectory(value) ? putDirectory(value) : put(value), little);
    }
    return put(new Uint8Array(view.buffer));
  };
  const starts = strips.map(put);
  const places = [
    entryOf(TAG.strips, LONG, starts, little),
    entryOf(
      TAG.bytes,
      LONG,
      strips.map((strip) => strip.length),
      little,
    ),
  ];
  const others = entries.filter(({ tag }) => tag !== TAG.strips && tag !== TAG.bytes);
  const first = putDirectory([...others, ...places]);
  const header = new DataView(new ArrayBuffer(8));
  header.setUint16(0, little ? 0x4949 : 0x4d4d);
  header.setUint16(2, 42, little);
  header.setUint32(4, first, little);
  return new Blob([header, ...parts], { type: "image/tiff" });
}

function isDirectory(value: Entry["value"]): value is readonly Entry[] {
  return Array.isArray(value);
}

/** Each sample less that of the pixel before in its row: so it is packed better. */
function differences<T extends Uint8ClampedArray | Uint16Array>(data: T, row: number, channels: number): T {
  const wrapped = data instanceof Uint16Array ? new Uint16Array(data) : new Uint8Array(data);
  for (let i = 0; i < data.length; i++) {
    if (i % row >= channels) wrapped[i] = (data[i] ?? 0) - (data[i - channels] ?? 0);
  }
  return (wrapped instanceof Uint16Array ? wrapped : new Uint8ClampedArray(wrapped.buffer)) as T;
}

/** The bytes of samples, in a byte order. */
function ordered(data: Samples["data"], little: boolean): Bytes {
  const size = data.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (little || size === 1) return bytes;
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  return bytes;
}
