import { context2d } from "./dom";
import type { Size, View } from "./geometry";
import type { Mosaic } from "./mosaic";

/** Canvases that show what is in view of a picture each. What has changed is drawn in the next frame. */
export class Screens {
  readonly #canvases: readonly HTMLCanvasElement[];
  readonly #pictures: () => readonly (Mosaic | undefined)[];
  readonly #dirty = new Set<HTMLCanvasElement>();
  /** Where the pictures are, and how large they are when drawn at a scale of 1. */
  #view: View = { scale: 1, x: 0, y: 0 };
  #size: Size = { width: 1, height: 1 };
  /** From this scale on, device pixels per pixel, single pixels are shown as such. */
  readonly #pixelated: number;

  /** @param pictures what each of the canvases is to show */
  constructor(
    canvases: readonly HTMLCanvasElement[],
    pictures: () => readonly (Mosaic | undefined)[],
    pixelated: number,
  ) {
    this.#canvases = canvases;
    this.#pictures = pictures;
    this.#pixelated = pixelated;
  }

  /** Shows pictures, all drawn in one `size`, at another place, in panes of `pane` CSS pixels. */
  look(view: View, size: Size, pane: Size): void {
    this.#view = view;
    this.#size = size;
    const [width, height] = [pane.width, pane.height].map((side) =>
      Math.max(1, Math.round(side * devicePixelRatio)),
    );
    const resized = this.#canvases.filter((canvas) => canvas.width !== width || canvas.height !== height);
    for (const canvas of resized) Object.assign(canvas, { width, height });
    this.redraw();
    // Its new size has emptied a canvas, which would be seen.
    if (resized.length > 0) this.#draw();
  }

  /** The picture of a canvas has changed, or those of all have. */
  redraw(index?: number): void {
    if (this.#dirty.size === 0) requestAnimationFrame(this.#draw);
    const changed = index === undefined ? this.#canvases : this.#canvases.slice(index, index + 1);
    for (const canvas of changed) this.#dirty.add(canvas);
  }

  readonly #draw = (): void => {
    const pictures = this.#pictures();
    for (const [index, canvas] of this.#canvases.entries()) {
      if (this.#dirty.has(canvas)) this.#drawOne(canvas, pictures[index]);
    }
    this.#dirty.clear();
  };

  #drawOne(canvas: HTMLCanvasElement, picture: Mosaic | undefined): void {
    const context = context2d(canvas);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!picture) return;
    const { x, y, scale } = this.#view;
    const own = (scale * devicePixelRatio * this.#size.width) / picture.size.width;
    // A photo stretched to the size of its enlarged result has no pixels of that size to show.
    const stretched = picture.size.width < this.#size.width;
    context.imageSmoothingEnabled = stretched || own < this.#pixelated;
    picture.draw(context, { scale: own, x: x * devicePixelRatio, y: y * devicePixelRatio });
  }
}
