import type { Area, Tile } from "unnoise";
import { context2d } from "./dom";
import type { Size, View } from "./geometry";
import { Mosaic } from "./mosaic";
import { Screens } from "./screen";

/** Browsers refuse longer canvases, and bitmaps. */
const MAX_SIDE = 16384;
/** 270 MB for each of the two pictures; larger photos are shown smaller, never processed smaller. */
const MAX_PIXELS = 50e6;
/** From this zoom on, device pixels per pixel, single pixels are what one wants to see. */
const PIXELATED_ZOOM = 2;
/** Which of the canvases is which. */
const [BEFORE, AFTER] = [0, 1];

/** The two pictures: the photo, and what becomes of it. */
export class Pictures {
  readonly #screens: Screens;
  #before = new Mosaic({ width: 1, height: 1 });
  #after: Mosaic | undefined;
  #photo: Size = { width: 1, height: 1 };
  /** Pixels of the result per photo pixel, per side. */
  #enlargement = 1;

  constructor(before: HTMLCanvasElement, after: HTMLCanvasElement) {
    this.#screens = new Screens([before, after], () => [this.#before, this.#after], PIXELATED_ZOOM);
  }

  /** How many times the size of the photo the result has, per side. */
  get enlargement(): number {
    return this.#enlargement;
  }

  /** Size of what is shown, in pixels of the result; without one, or where it is not enlarged, of the photo. */
  get size(): Size {
    return enlarged(this.#photo, this.#enlargement);
  }

  /** Shows another part of them, in panes of `pane` CSS pixels. */
  look(view: View, pane: Size): void {
    this.#screens.look(view, this.size, pane);
  }

  /** Shows another photo, whose size is known at once; the result gives its memory back. */
  async show(image: ImageData | ImageBitmap): Promise<void> {
    const { width, height } = image;
    this.#photo = { width, height };
    this.dropAfter();
    await this.replaceBefore(image);
  }

  /** Shows another picture of the same scene in place of the photo. */
  async replaceBefore(image: ImageData | ImageBitmap): Promise<void> {
    const size = shownSize(image);
    const { width, height } = this.#before.size;
    // In place of each other, so that nothing is seen to be gone in between.
    if (size.width !== width || size.height !== height) this.#before = new Mosaic(size);
    await this.#fill(BEFORE, this.#before, image);
  }

  /** Makes room to paint the tiles of an `enlargement` times larger result on. */
  startAfter(enlargement: number): void {
    this.#enlargement = enlargement;
    this.#after = new Mosaic(shownSize(this.size));
    this.#screens.redraw(AFTER);
  }

  /** The pixels of a part of the photo, if all of them are shown. */
  cut(area: Area): ImageData | undefined {
    if (this.#before.size.width !== this.#photo.width) return undefined;
    const { width, height } = area;
    return context2d(this.#before.copy(area)).getImageData(0, 0, width, height);
  }

  /** Shows a whole result. */
  async fillAfter(image: ImageData): Promise<void> {
    if (this.#after) await this.#fill(AFTER, this.#after, image);
  }

  /** There is no result: it gives its memory back. */
  dropAfter(): void {
    this.#enlargement = 1;
    this.#after = undefined;
    this.#screens.redraw(AFTER);
  }

  /** The result as shown, as a file that the browser need not hold in memory. */
  async snapshot(): Promise<Blob> {
    if (this.#after) return this.#after.copy().convertToBlob();
    throw new Error("There is no result.");
  }

  /** Shows what was a {@link Pictures.snapshot}. */
  async restore(snapshot: Blob): Promise<void> {
    const bitmap = await createImageBitmap(snapshot);
    if (this.#after) await this.#fill(AFTER, this.#after, bitmap);
    bitmap.close();
  }

  /** Puts a finished tile of the result in its place. */
  async paint({ x, y, image }: Tile): Promise<void> {
    const after = this.#after;
    if (!after) return;
    const scale = after.size.width / this.size.width;
    const bitmap = scale < 1 ? await createImageBitmap(image) : undefined;
    // Where it is scaled, to whole pixels: half of one would show as a seam.
    const [left, top] = [x, y].map((edge) => Math.floor(edge * scale));
    const [right, bottom] = [x + image.width, y + image.height].map((edge) => Math.ceil(edge * scale));
    if (left === undefined || top === undefined || right === undefined || bottom === undefined) return;
    await after.put(bitmap ?? image, { x: left, y: top, width: right - left, height: bottom - top });
    bitmap?.close();
    this.#screens.redraw(AFTER);
  }

  async #fill(index: number, picture: Mosaic, image: ImageData | ImageBitmap): Promise<void> {
    const { width, height } = picture.size;
    const fits = image.width === width && image.height === height;
    const resized = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
    const paint = fits ? image : await createImageBitmap(image, resized);
    await picture.fill(paint, () => {
      this.#screens.redraw(index);
    });
    if (paint !== image && paint instanceof ImageBitmap) paint.close();
  }
}

function enlarged({ width, height }: Size, factor: number): Size {
  return { width: width * factor, height: height * factor };
}

/** Size that a picture is shown in: its own, or as many pixels as browsers and memory allow. */
function shownSize(picture: Size): Size {
  const { width: across, height: down } = picture;
  const scale = Math.min(1, MAX_SIDE / Math.max(across, down), Math.sqrt(MAX_PIXELS / (across * down)));
  const { width, height } = enlarged(picture, scale);
  return { width: Math.max(1, Math.floor(width)), height: Math.max(1, Math.floor(height)) };
}
