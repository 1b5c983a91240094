import type { Area, Tile } from "unnoise";
import { context2d } from "./dom";
import type { Size } from "./geometry";

/** Browsers refuse longer canvases. */
const MAX_SIDE = 16384;
/** 200 MB for each of the two canvases; larger photos are shown smaller, never processed smaller. */
const MAX_PIXELS = 50e6;
/** Pixels that are put into a canvas between two frames: a few milliseconds' work. */
const STRIP = 1 << 20;

/** The two canvases: the photo, and what becomes of it. */
export class Pictures {
  readonly #before: HTMLCanvasElement;
  readonly #after: HTMLCanvasElement;
  #photo: Size = { width: 1, height: 1 };
  /** Pixels of the result per photo pixel, per side. */
  #enlargement = 1;
  /** Pixels of the second canvas per pixel of the result. */
  #scale = 1;

  constructor(before: HTMLCanvasElement, after: HTMLCanvasElement) {
    this.#before = before;
    this.#after = after;
  }

  /** How many times the size of the photo the result has, per side. */
  get enlargement(): number {
    return this.#enlargement;
  }

  /** Size of what is shown, in pixels of the result; without one, or where it is not enlarged, of the photo. */
  get size(): Size {
    return enlarged(this.#photo, this.#enlargement);
  }

  /** Shows another photo; the second canvas gives its memory back. */
  async show(image: ImageData | ImageBitmap): Promise<void> {
    const { width, height } = image;
    const size = canvasSize(image);
    const bitmap =
      canvasScale(image) < 1
        ? await createImageBitmap(image, {
            resizeWidth: size.width,
            resizeHeight: size.height,
            resizeQuality: "high",
          })
        : image;
    this.#photo = { width, height };
    Object.assign(this.#before, size);
    this.dropAfter();
    if (bitmap instanceof ImageData) await paintStrips(this.#before, bitmap);
    else context2d(this.#before).drawImage(bitmap, 0, 0);
  }

  /** Empties the second canvas, to paint the tiles of an `enlargement` times larger result on. */
  startAfter(enlargement: number): void {
    this.#enlargement = enlargement;
    const { width, height } = canvasSize(this.size);
    this.#scale = canvasScale(this.size);
    Object.assign(this.#after, { width, height });
  }

  /** The pixels of a part of the photo, if the first canvas has all of them. */
  async cut({ x, y, width, height }: Area): Promise<ImageData | undefined> {
    if (this.#before.width !== this.#photo.width) return undefined;
    // By a small canvas: browsers would fetch all of the large one from the graphics card.
    const bitmap = await createImageBitmap(this.#before, x, y, width, height);
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context?.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context?.getImageData(0, 0, width, height);
  }

  /** Shows another picture of the same scene in place of the photo. */
  async replaceBefore(image: ImageData): Promise<void> {
    Object.assign(this.#before, canvasSize(image));
    await paintStrips(this.#before, image);
  }

  /** Puts the whole result into the second canvas. */
  async fillAfter(image: ImageData): Promise<void> {
    await paintStrips(this.#after, image);
  }

  /** There is no result: the second canvas gives its memory back. */
  dropAfter(): void {
    this.#enlargement = 1;
    Object.assign(this.#after, { width: 1, height: 1 });
  }

  /** The second canvas, as a file that the browser need not hold in memory. */
  async snapshot(): Promise<Blob> {
    const blob = await new Promise<Blob | null>((resolve) => {
      this.#after.toBlob(resolve);
    });
    if (blob) return blob;
    throw new Error("This browser has no memory left for the picture.");
  }

  /** Fills the second canvas with what was a {@link Pictures.snapshot} of it. */
  async restore(snapshot: Blob): Promise<void> {
    const bitmap = await createImageBitmap(snapshot);
    const context = context2d(this.#after);
    context.clearRect(0, 0, bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  /** Puts a finished tile into the second canvas. */
  async paint({ x, y, image }: Tile): Promise<void> {
    await put(this.#after, { x, y, image }, this.#scale);
  }
}

/** Puts a picture into a canvas of its shape, strip by strip, so that the page stays awake. */
async function paintStrips(canvas: HTMLCanvasElement, { data, width, height }: ImageData): Promise<void> {
  const scale = canvasScale({ width, height });
  const rows = Math.max(1, Math.floor(STRIP / width));
  for (let y = 0; y < height; y += rows) {
    const strip = data.subarray(4 * y * width, 4 * Math.min(height, y + rows) * width);
    await put(canvas, { x: 0, y, image: new ImageData(strip, width) }, scale);
    if (y + rows < height) await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Puts a part of a picture into a canvas that has `scale` pixels for each of the picture's. */
async function put(canvas: HTMLCanvasElement, { x, y, image }: Tile, scale: number): Promise<void> {
  const context = context2d(canvas);
  if (scale === 1) {
    context.putImageData(image, x, y);
    return;
  }
  const bitmap = await createImageBitmap(image);
  const [left, top] = [x * scale, y * scale];
  const [width, height] = [image.width * scale, image.height * scale];
  context.clearRect(left, top, width, height);
  context.drawImage(bitmap, left, top, width, height);
  bitmap.close();
}

function enlarged({ width, height }: Size, factor: number): Size {
  return { width: width * factor, height: height * factor };
}

/** Canvas pixels per pixel of a picture, as many as browsers and memory allow. */
function canvasScale({ width, height }: Size): number {
  return Math.min(1, MAX_SIDE / Math.max(width, height), Math.sqrt(MAX_PIXELS / (width * height)));
}

/** Size of the canvas for a picture. */
function canvasSize(picture: Size): Size {
  const { width, height } = enlarged(picture, canvasScale(picture));
  return { width: Math.max(1, Math.floor(width)), height: Math.max(1, Math.floor(height)) };
}
