import type { Tile } from "unnoise";
import { context2d } from "./dom";
import type { Size } from "./geometry";

/** Browsers refuse longer canvases. */
const MAX_SIDE = 16384;
/** 200 MB for each of the two canvases; larger photos are shown smaller, never processed smaller. */
const MAX_PIXELS = 50e6;

/** The two canvases: the photo, and what becomes of it. */
export class Pictures {
  readonly #before: HTMLCanvasElement;
  readonly #after: HTMLCanvasElement;
  #photo: Size = { width: 1, height: 1 };
  /** Canvas pixels per photo pixel. */
  #scale = 1;

  constructor(before: HTMLCanvasElement, after: HTMLCanvasElement) {
    this.#before = before;
    this.#after = after;
  }

  /** Size of the photo, in its own pixels. */
  get photo(): Size {
    return this.#photo;
  }

  /** Shows another photo; the second canvas gives its memory back. */
  async show(image: ImageData | ImageBitmap): Promise<void> {
    const { width, height } = image;
    const scale = Math.min(1, MAX_SIDE / Math.max(width, height), Math.sqrt(MAX_PIXELS / (width * height)));
    const size = {
      width: Math.max(1, Math.floor(width * scale)),
      height: Math.max(1, Math.floor(height * scale)),
    };
    const bitmap =
      scale < 1
        ? await createImageBitmap(image, {
            resizeWidth: size.width,
            resizeHeight: size.height,
            resizeQuality: "high",
          })
        : image;
    this.#scale = scale;
    this.#photo = { width, height };
    Object.assign(this.#before, size);
    Object.assign(this.#after, { width: 1, height: 1 });
    const context = context2d(this.#before);
    if (bitmap instanceof ImageData) context.putImageData(bitmap, 0, 0);
    else context.drawImage(bitmap, 0, 0);
  }

  /** Makes the second canvas a copy of the first, to paint tiles on. */
  startAfter(): void {
    Object.assign(this.#after, { width: this.#before.width, height: this.#before.height });
    context2d(this.#after).drawImage(this.#before, 0, 0);
  }

  /** Puts a finished tile into the second canvas. */
  async paint({ x, y, image }: Tile): Promise<void> {
    const context = context2d(this.#after);
    if (this.#scale === 1) {
      context.putImageData(image, x, y);
      return;
    }
    const bitmap = await createImageBitmap(image);
    const [left, top] = [x * this.#scale, y * this.#scale];
    const [width, height] = [image.width * this.#scale, image.height * this.#scale];
    context.clearRect(left, top, width, height);
    context.drawImage(bitmap, left, top, width, height);
    bitmap.close();
  }
}
