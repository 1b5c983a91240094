import type { Point } from "./geometry";

/** What pointers and wheel ask for. Points and lengths are CSS pixels in the viewport. */
export interface GestureHandlers {
  pan(dx: number, dy: number): void;
  zoom(factor: number, around: Point): void;
  /** A double click or double tap. */
  toggle(point: Point): void;
  /** The boundary is dragged to this x. */
  split(x: number): void;
}

/** A second tap within these, of the first, makes a double tap. */
const DOUBLE = { milliseconds: 300, pixels: 24 };
/** A touch that moves farther is no tap. */
const TAP_MOVES = 8;

/** Where and when a finger went down or a tap was made. */
interface Touch extends Point {
  readonly time: number;
}

/** Drag to pan, pinch or wheel to zoom, drag the divider to move the boundary. */
export class Gestures {
  readonly #viewport: HTMLElement;
  readonly #handlers: GestureHandlers;
  readonly #pointers = new Map<number, Point>();
  #splitting: number | undefined;
  /** The touch under way, if it may become a tap, and the last tap. */
  #down: Touch | undefined;
  #tap: Touch | undefined;
  #touching = false;

  constructor(viewport: HTMLElement, divider: HTMLElement, handlers: GestureHandlers) {
    this.#viewport = viewport;
    this.#handlers = handlers;
    divider.addEventListener("pointerdown", (event) => {
      this.#splitting = event.pointerId;
    });
    viewport.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      viewport.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, this.#point(event));
      this.#touching = event.pointerType === "touch";
      this.#down = this.#pointers.size === 1 ? { ...this.#point(event), time: event.timeStamp } : undefined;
    });
    viewport.addEventListener("pointermove", this.#onMove);
    for (const type of ["pointerup", "pointercancel"] as const) {
      viewport.addEventListener(type, (event) => {
        this.#pointers.delete(event.pointerId);
        if (this.#splitting === event.pointerId) this.#splitting = undefined;
        else if (type === "pointerup" && event.pointerType === "touch") this.#onTap(event);
      });
    }
    viewport.addEventListener("wheel", this.#onWheel, { passive: false });
    viewport.addEventListener("dblclick", (event) => {
      // Browsers differ in whether two taps are a double click: those are counted here.
      if (event.target !== divider && !this.#touching) handlers.toggle(this.#point(event));
    });
  }

  #point(event: MouseEvent): Point {
    const box = this.#viewport.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #onTap(event: PointerEvent): void {
    const point = this.#point(event);
    const far = ({ x, y }: Point) => Math.hypot(point.x - x, point.y - y);
    if (!this.#down || far(this.#down) > TAP_MOVES) return;
    const before = this.#tap;
    const double =
      before && event.timeStamp - before.time < DOUBLE.milliseconds && far(before) < DOUBLE.pixels;
    // The third tap of a row is a first one again.
    this.#tap = { ...point, time: double ? Number.NEGATIVE_INFINITY : event.timeStamp };
    if (double) this.#handlers.toggle(point);
  }

  readonly #onMove = (event: PointerEvent): void => {
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    const point = this.#point(event);
    this.#pointers.set(event.pointerId, point);
    if (this.#splitting === event.pointerId) {
      this.#handlers.split(point.x);
      return;
    }
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) this.#pinch(last, point, other);
    else this.#handlers.pan(point.x - last.x, point.y - last.y);
  };

  #pinch(from: Point, to: Point, other: Point): void {
    const distance = (a: Point) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
    const middle = { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 };
    this.#handlers.pan((to.x - from.x) / 2, (to.y - from.y) / 2);
    this.#handlers.zoom(distance(to) / distance(from), middle);
  }

  readonly #onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    // Lines and pages are the units of some mice; a pinch on a touchpad comes as a wheel with Ctrl, in smaller steps.
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 16;
    const speed = event.ctrlKey ? 0.01 : 0.002;
    this.#handlers.zoom(Math.exp(-event.deltaY * unit * speed), this.#point(event));
  };
}
