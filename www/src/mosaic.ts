import { context2d } from "./dom";
import type { Point, Size } from "./geometry";

/** Side of a piece, pixels: few enough that one is filled or drawn in some milliseconds. */
const SIDE = 1024;
/** Milliseconds that may be worked on between two frames. */
const SLICE = 8;

/** A rectangle, pixels. */
type Rectangle = Point & Size;

/** A picture that is put in: samples of as many pixels as it is to have, or a bitmap that is scaled. */
export type Paint = ImageData | ImageBitmap;

/** How a picture lies on what it is drawn on: pixels there per pixel of the picture, and its top left corner. */
interface Place extends Point {
  readonly scale: number;
}

/** A picture in pieces of which none is made before there is something to put into it. */
class Level {
  readonly #pieces = new Map<string, OffscreenCanvas>();

  constructor(readonly size: Size) {}

  /** The pieces that there are in an area; with `make`, all that could be. */
  *within(area: Rectangle, make = false): Generator<Rectangle & { readonly canvas: OffscreenCanvas }> {
    const { width, height } = this.size;
    const first = (start: number) => Math.max(0, Math.floor(start / SIDE)) * SIDE;
    for (let y = first(area.y); y < Math.min(height, area.y + area.height); y += SIDE) {
      for (let x = first(area.x); x < Math.min(width, area.x + area.width); x += SIDE) {
        const place = { x, y, width: Math.min(SIDE, width - x), height: Math.min(SIDE, height - y) };
        const key = `${x},${y}`;
        const canvas = this.#pieces.get(key) ?? (make ? pieceOf(place) : undefined);
        if (!canvas) continue;
        this.#pieces.set(key, canvas);
        yield { ...place, canvas };
      }
    }
  }
}

/**
 * A picture in pieces, and in halves of its size down to one piece: what a part of it costs to change or to draw goes by that
 * part, and not by the whole. (A canvas of 24 megapixels is copied as a whole by some browsers for each frame that it is in.)
 */
export class Mosaic {
  readonly #levels: readonly Level[];
  /** Counts the pictures that were to fill it: a later one ends the filling with the one before. */
  #fillings = 0;

  constructor(readonly size: Size) {
    const levels = [new Level(size)];
    for (let { width, height } = size; Math.max(width, height) > SIDE;) {
      [width, height] = [width / 2, height / 2];
      levels.push(new Level({ width, height }));
    }
    this.#levels = levels;
  }

  /** Puts a part of the picture in its place, over what was there; between frames, where it is large. */
  async put(paint: Paint, area: Rectangle, onPiece?: () => void): Promise<void> {
    const filling = this.#fillings;
    let began = performance.now();
    for (const piece of this.#levels[0]?.within(area, true) ?? []) {
      const context = context2d(piece.canvas);
      const [x, y] = [area.x - piece.x, area.y - piece.y];
      if (paint instanceof ImageData) {
        context.putImageData(paint, x, y, -x, -y, piece.width, piece.height);
      } else {
        context.clearRect(x, y, area.width, area.height);
        context.drawImage(paint, x, y, area.width, area.height);
      }
      this.#shrink(overlap(piece, area));
      onPiece?.();
      if (performance.now() - began < SLICE) continue;
      await new Promise((resolve) => setTimeout(resolve));
      if (filling !== this.#fillings) return;
      began = performance.now();
    }
  }

  /** Puts a whole picture in place of the one that was there, piece by piece. */
  async fill(paint: Paint, onPiece: () => void): Promise<void> {
    this.#fillings++;
    await this.put(paint, { x: 0, y: 0, ...this.size }, onPiece);
  }

  /** Draws what is seen of it. Its pieces end at whole pixels, so that no seam is seen between them. */
  draw(context: OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D, place: Place): void {
    const { canvas } = context;
    const coarse = Math.floor(Math.log2(1 / place.scale));
    const index = Math.max(0, Math.min(this.#levels.length - 1, coarse));
    const level = this.#levels[index];
    const scale = place.scale * 2 ** index;
    const seen = {
      x: -place.x / scale,
      y: -place.y / scale,
      width: canvas.width / scale,
      height: canvas.height / scale,
    };
    for (const { x, y, width, height, canvas: piece } of level?.within(seen) ?? []) {
      const [left, right] = [x, x + width].map((edge) => Math.round(place.x + edge * scale));
      const [top, bottom] = [y, y + height].map((edge) => Math.round(place.y + edge * scale));
      if (left === undefined || right === undefined || top === undefined || bottom === undefined) continue;
      context.drawImage(piece, 0, 0, width, height, left, top, right - left, bottom - top);
    }
  }

  /** All of it, or a part, in one canvas. */
  copy({ x, y, width, height }: Rectangle = { x: 0, y: 0, ...this.size }): OffscreenCanvas {
    const canvas = new OffscreenCanvas(width, height);
    this.draw(context2d(canvas, { willReadFrequently: true }), { scale: 1, x: -x, y: -y });
    return canvas;
  }

  /** Draws an area, which is within one piece, anew into all smaller levels. */
  #shrink(changed: Rectangle): void {
    let area = changed;
    for (let index = 1; index < this.#levels.length; index++) {
      const [finer, level] = [this.#levels[index - 1], this.#levels[index]];
      const half = halved(area);
      for (const piece of level?.within(half, true) ?? []) {
        const context = context2d(piece.canvas);
        context.save();
        context.beginPath();
        context.rect(half.x - piece.x, half.y - piece.y, half.width, half.height);
        context.clip();
        context.clearRect(0, 0, SIDE, SIDE);
        const source = { x: 2 * half.x, y: 2 * half.y, width: 2 * half.width, height: 2 * half.height };
        for (const { x, y, width, height, canvas } of finer?.within(source) ?? []) {
          const [left, top] = [x / 2 - piece.x, y / 2 - piece.y];
          context.drawImage(canvas, 0, 0, width, height, left, top, width / 2, height / 2);
        }
        context.restore();
      }
      area = half;
    }
  }
}

function pieceOf({ width, height }: Size): OffscreenCanvas {
  return new OffscreenCanvas(Math.ceil(width), Math.ceil(height));
}

function overlap(a: Rectangle, b: Rectangle): Rectangle {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const right = Math.min(a.x + a.width, b.x + b.width);
  const bottom = Math.min(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}

/** The pixels of half the size that an area has a share in. */
function halved({ x, y, width, height }: Rectangle): Rectangle {
  const [left, top] = [Math.floor(x / 2), Math.floor(y / 2)];
  return {
    x: left,
    y: top,
    width: Math.ceil((x + width) / 2) - left,
    height: Math.ceil((y + height) / 2) - top,
  };
}
