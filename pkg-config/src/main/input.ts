import { absolute, downloaded, type DownloadOptions } from "../shared/download.js";
import { UnnoiseError, messageOf, throwIfAborted } from "../shared/errors.js";
import type { Link } from "./link.js";
import { named } from "./options.js";
import type { Source } from "../shared/protocol.js";
import { StackPage } from "./stack.js";
import type { ImageInput, RawPixels } from "../shared/types.js";

type Drawable = Exclude<ImageInput, Blob | URL | string | ArrayBuffer | Uint8Array | RawPixels | StackPage>;

/** Bytes from which pixels wait for their turn, and for a restart, in a blob. */
const LARGE = 2 ** 24;

/** What was given, as far as that hangs on no worker: pages of stacks are found in each. */
export type Input = Exclude<Source, { kind: "page" }> | StackPage;

/** What a worker is posted of an input. */
export async function sourceOn(link: Link, input: Input): Promise<Source> {
  if (!(input instanceof StackPage)) return input;
  return { kind: "page", stack: await input.stackOn(link), page: input.index };
}

/**
 * Brings an input into a form that can be posted to the worker. Files stay files; what the browser has decoded
 * already (elements, bitmaps, frames, canvases) becomes 8-bit pixels.
 *
 * @throws `UnnoiseError` `unsupported` for other inputs, `network` for a URL that cannot be fetched, `canceled`
 */
export async function toSource(input: ImageInput, options: DownloadOptions): Promise<Input> {
  throwIfAborted(options.signal);
  if (input instanceof Blob) return { kind: "file", blob: input };
  if (input instanceof ArrayBuffer) return { kind: "file", blob: new Blob([input]) };
  if (input instanceof Uint8Array) return { kind: "file", blob: new Blob([new Uint8Array(input)]) };
  if (typeof input === "string" || input instanceof URL) return fetchSource(input, options);
  if (input instanceof StackPage) return input;
  return isPixels(input) ? fromPixels(input) : fromDrawable(input);
}

/**
 * A source at one of its pages.
 *
 * @throws `UnnoiseError` `option`
 */
export function atPage(source: Input, page: number | undefined): Input {
  if (page === undefined) return source;
  if (!(Number.isInteger(page) && page >= 0)) {
    throw new UnnoiseError("option", `page is ${page}; it is a whole number from 0.`);
  }
  return !(source instanceof StackPage) && source.kind === "file" ? { ...source, page } : source;
}

async function fetchSource(url: string | URL, options: DownloadOptions): Promise<Input> {
  const bytes = await downloaded(absolute(url), () => undefined, options);
  return { kind: "file", blob: new Blob([bytes]) };
}

function isPixels(input: unknown): input is RawPixels {
  return typeof input === "object" && input !== null && "data" in input && ArrayBuffer.isView(input.data);
}

function fromPixels({ width, height, data }: RawPixels): Input {
  // Browsers also make float ImageData, which the types do not know yet.
  const given: unknown = data;
  if (!(given instanceof Uint8ClampedArray || given instanceof Uint8Array)) {
    throw new UnnoiseError("unsupported", "Only pixels of 8 bits are read.");
  }
  const pixels = width * height;
  const channels = given.length / pixels;
  if (!(pixels > 0) || ![1, 3, 4].includes(channels)) {
    const message = `${given.length} samples are not ${width} x ${height} pixels of RGBA, RGB or gray.`;
    throw new UnnoiseError("unsupported", message);
  }
  if (channels === 4) return { kind: "rgba", width, height, data: copied(given) };
  const rgba = new Uint8Array(4 * pixels).fill(255);
  for (let i = 0; i < 3 * pixels; i += 1) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    rgba[4 * pixel + channel] = given[channels === 3 ? i : pixel] ?? 0;
  }
  return { kind: "rgba", width, height, data: kept(rgba) };
}

/** A copy of what the caller may change from now on. */
function copied(data: Uint8Array | Uint8ClampedArray): Uint8Array<ArrayBuffer> | Blob {
  const isLarge = data.length >= LARGE && data.buffer instanceof ArrayBuffer;
  // A blob is a copy by itself.
  return kept(isLarge ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data));
}

/** Pixels that nobody else changes. */
function kept(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | Blob {
  return data.length < LARGE ? data : new Blob([data]);
}

async function fromDrawable(input: Drawable): Promise<Input> {
  const [width, height] = await drawnSize(input);
  if (!(width > 0 && height > 0)) {
    throw new UnnoiseError("unsupported", "The image has no pixels (is it loaded?).");
  }
  // In main memory: a canvas on the GPU may be lost, and is read back at once anyway.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new UnnoiseError("too-large", `No ${width}x${height} canvas can be made.`);
  try {
    context.drawImage(input, 0, 0, width, height);
    return fromPixels(context.getImageData(0, 0, width, height));
  } catch (cause) {
    const message = `The image's pixels cannot be read (${messageOf(cause)}).`;
    throw new UnnoiseError("unsupported", message, { cause });
  }
}

async function drawnSize(input: Drawable): Promise<[number, number]> {
  if (is(input, "HTMLImageElement")) {
    await input.decode().catch((cause: unknown) => {
      throw new UnnoiseError("decode", "The browser cannot decode the image.", { cause });
    });
    return [input.naturalWidth, input.naturalHeight];
  }
  if (is(input, "VideoFrame")) return [input.displayWidth, input.displayHeight];
  if (is(input, "ImageBitmap") || is(input, "HTMLCanvasElement") || is(input, "OffscreenCanvas")) {
    return [input.width, input.height];
  }
  throw new UnnoiseError("unsupported", `This is ${named(input)}, which is no photo${hintFor(input)}.`);
}

/** What was probably meant by what is no photo. */
function hintFor(input: unknown): string {
  if (input === undefined || input === null) return ": was a file chosen?";
  if (Array.isArray(input) || is(input, "FileList")) return ": give its files one by one";
  if (input instanceof Promise) return ": await it";
  if (input instanceof Response) return ": give its `await response.blob()`";
  return ": a File, a Blob, its bytes, a URL, ImageData, a bitmap, a canvas or an image element is";
}

interface Classes {
  FileList: FileList;
  HTMLImageElement: HTMLImageElement;
  HTMLCanvasElement: HTMLCanvasElement;
  OffscreenCanvas: OffscreenCanvas;
  ImageBitmap: ImageBitmap;
  VideoFrame: VideoFrame;
}

/** `instanceof` for classes that do not exist everywhere (workers, older browsers). */
function is<K extends keyof Classes>(value: unknown, name: K): value is Classes[K] {
  const type = (globalThis as unknown as Record<string, (new () => unknown) | undefined>)[name];
  return type !== undefined && value instanceof type;
}
