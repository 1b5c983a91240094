import type { Area, Tile } from "unnoise";
import { byId } from "./dom";
import { fit, middle, pan, place, zoomTo, type Point, type Size, type View } from "./geometry";
import { Gestures } from "./gestures";
import { Pictures } from "./pictures";

/** Zoom range, device pixels per photo pixel. */
const MIN_ZOOM = 0.02;
const MAX_ZOOM = 32;
/** From here on single pixels are what one wants to see. */
const PIXELATED_ZOOM = 2;

/**
 * The photo, before and after, with a boundary between the two that can be moved while the photo is zoomed and panned.
 * (Ready-made comparison sliders move the boundary with the picture, so that it is lost as soon as one zooms in.)
 */
export class Stage {
  readonly #pictures = new Pictures(byId("before", HTMLCanvasElement), byId("after", HTMLCanvasElement));
  readonly #root = byId("stage", HTMLElement);
  readonly #viewport = byId("viewport", HTMLElement);
  readonly #divider = byId("divider", HTMLElement);
  readonly #zoomValue = byId("zoom-value", HTMLOutputElement);
  readonly #fitButton = byId("zoom-fit", HTMLButtonElement);
  readonly #fullButton = byId("zoom-full", HTMLButtonElement);
  #view: View = { scale: 1, x: 0, y: 0 };
  #fitted = true;
  #split = 50;

  constructor() {
    new Gestures(this.#viewport, this.#divider, {
      pan: (dx, dy) => {
        this.#move(pan(this.#view, dx, dy, this.#pictures.size, this.#size()));
      },
      zoom: (factor, point) => {
        this.#zoomTo(this.#view.scale * factor, point);
      },
      toggle: (point) => {
        if (this.#fitted) this.#zoomTo(this.#fullScale(), point);
        else this.fit();
      },
      split: (x) => {
        this.setSplit((100 * x) / this.#size().width);
      },
    });
    this.#initButtons();
    this.#viewport.addEventListener("keydown", this.#onViewportKey);
    this.#divider.addEventListener("keydown", this.#onDividerKey);
    new ResizeObserver(() => {
      this.#resized();
    }).observe(this.#viewport);
  }

  /** Shows a photo, whole, without anything to compare it with. */
  async show(image: ImageData | ImageBitmap): Promise<void> {
    await this.#pictures.show(image);
    this.#setState("alone");
    this.#setPixels();
    this.fit();
  }

  /** Shows all of a result that is on its way, `enlargement` times the size of the photo, tile by tile. */
  startResult(enlargement: number): void {
    this.#keepPlace(() => {
      this.#pictures.startAfter(enlargement);
    });
    this.setStrength(1);
    this.setSplit(0);
    this.#setState("painting");
  }

  /** The part of the photo in the middle of the viewport, at most `side` pixels wide and high. */
  visibleArea(side: number): Area {
    const { enlargement, size } = this.#pictures;
    const view = { ...this.#view, scale: this.#view.scale * enlargement };
    const photo = { width: size.width / enlargement, height: size.height / enlargement };
    return middle(view, photo, this.#size(), side);
  }

  /** Paints a tile of the result. */
  async paint(tile: Tile): Promise<void> {
    await this.#pictures.paint(tile);
  }

  /** What is painted of the result. */
  snapshot(): Promise<Blob> {
    return this.#pictures.snapshot();
  }

  /** Compares the photo with a result that is complete: a {@link Stage.snapshot} of it. */
  async showResult(snapshot: Blob, enlargement: number): Promise<void> {
    this.startResult(enlargement);
    await this.#pictures.restore(snapshot);
    this.compare();
  }

  /** Compares the photo with the result, which is complete. */
  compare(): void {
    this.#setState("comparing");
    this.setSplit(50, { glide: true });
  }

  /** Shows the photo alone. */
  dropResult(): void {
    this.#setState("alone");
    this.#keepPlace(() => {
      this.#pictures.dropAfter();
    });
  }

  /** How much of the result is mixed into what is shown of it, 0 to 1. */
  setStrength(strength: number): void {
    this.#root.style.setProperty("--strength", String(strength));
  }

  /** Moves the boundary to `percent` of the viewport's width. */
  setSplit(percent: number, options: { glide?: boolean } = {}): void {
    this.#split = Math.min(100, Math.max(0, percent));
    this.#root.classList.toggle("is-gliding", options.glide ?? false);
    this.#root.style.setProperty("--split", `${this.#split}%`);
    const value = Math.round(this.#split);
    this.#divider.setAttribute("aria-valuenow", String(value));
    this.#divider.setAttribute("aria-valuetext", `${value} % noisy, ${100 - value} % denoised`);
  }

  /** Shows the whole photo. */
  fit(): void {
    this.#move(fit(this.#pictures.size, this.#size()));
    this.#setFitted(true);
  }

  #setState(state: "alone" | "painting" | "comparing"): void {
    this.#root.classList.toggle("is-comparing", state !== "alone");
    this.#root.classList.toggle("is-painting", state === "painting");
  }

  /** Changes the number of pixels of what is shown, not its place on the screen. */
  #keepPlace(change: () => void): void {
    const before = this.#pictures.size.width;
    change();
    const after = this.#pictures.size.width;
    if (after === before) return;
    this.#setPixels();
    const view = { ...this.#view, scale: (this.#view.scale * before) / after };
    if (this.#fitted) this.fit();
    else this.#move(place(view, this.#pictures.size, this.#size()));
  }

  #setPixels(): void {
    this.#root.classList.toggle("is-enlarged", this.#pictures.enlargement > 1);
    const { width, height } = this.#pictures.size;
    this.#root.style.setProperty("--photo-width", `${width}px`);
    this.#root.style.setProperty("--photo-height", `${height}px`);
  }

  #size(): Size {
    return { width: this.#viewport.clientWidth, height: this.#viewport.clientHeight };
  }

  #center(): Point {
    const { width, height } = this.#size();
    return { x: width / 2, y: height / 2 };
  }

  /** One device pixel per photo pixel. */
  #fullScale(): number {
    return 1 / devicePixelRatio;
  }

  #zoomTo(scale: number, point: Point): void {
    const full = this.#fullScale();
    const limited = Math.min(MAX_ZOOM * full, Math.max(MIN_ZOOM * full, scale));
    this.#move(zoomTo(this.#view, limited, point, this.#pictures.size, this.#size()));
    this.#setFitted(false);
  }

  #setFitted(fitted: boolean): void {
    this.#fitted = fitted;
    this.#fitButton.setAttribute("aria-pressed", String(fitted));
    const full = Math.abs(this.#view.scale / this.#fullScale() - 1) < 1e-6;
    this.#fullButton.setAttribute("aria-pressed", String(full));
  }

  #move(view: View): void {
    this.#view = view;
    const style = this.#root.style;
    style.setProperty("--x", `${view.x}px`);
    style.setProperty("--y", `${view.y}px`);
    style.setProperty("--scale", String(view.scale));
    const zoom = view.scale / this.#fullScale();
    this.#root.classList.toggle("is-pixelated", zoom >= PIXELATED_ZOOM);
    this.#zoomValue.textContent = `${Math.round(zoom * 100)} %`;
  }

  #resized(): void {
    if (this.#fitted) this.fit();
    else this.#move(place(this.#view, this.#pictures.size, this.#size()));
  }

  #initButtons(): void {
    const on = (button: HTMLButtonElement, action: () => void) => {
      button.addEventListener("click", action);
    };
    on(this.#fitButton, () => {
      this.fit();
    });
    on(this.#fullButton, () => {
      this.#zoomTo(this.#fullScale(), this.#center());
    });
    on(byId("zoom-in", HTMLButtonElement), () => {
      this.#zoomTo(this.#view.scale * 1.5, this.#center());
    });
    on(byId("zoom-out", HTMLButtonElement), () => {
      this.#zoomTo(this.#view.scale / 1.5, this.#center());
    });
  }

  readonly #onViewportKey = (event: KeyboardEvent): void => {
    if (event.target !== this.#viewport || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 48;
    const move = (dx: number, dy: number) => () => {
      this.#move(pan(this.#view, dx, dy, this.#pictures.size, this.#size()));
    };
    const zoom = (scale: number) => () => {
      this.#zoomTo(scale, this.#center());
    };
    const actions: Partial<Record<string, () => void>> = {
      ArrowLeft: move(step, 0),
      ArrowRight: move(-step, 0),
      ArrowUp: move(0, step),
      ArrowDown: move(0, -step),
      "+": zoom(this.#view.scale * 1.5),
      "=": zoom(this.#view.scale * 1.5),
      "-": zoom(this.#view.scale / 1.5),
      "1": zoom(this.#fullScale()),
      "0": () => {
        this.fit();
      },
    };
    this.#act(actions[event.key], event);
  };

  readonly #onDividerKey = (event: KeyboardEvent): void => {
    const to = (percent: number) => () => {
      this.setSplit(percent);
    };
    const actions: Partial<Record<string, () => void>> = {
      ArrowLeft: to(this.#split - 2),
      ArrowDown: to(this.#split - 2),
      ArrowRight: to(this.#split + 2),
      ArrowUp: to(this.#split + 2),
      PageDown: to(this.#split - 10),
      PageUp: to(this.#split + 10),
      Home: to(0),
      End: to(100),
    };
    this.#act(actions[event.key], event);
  };

  #act(action: (() => void) | undefined, event: KeyboardEvent): void {
    if (!action) return;
    event.preventDefault();
    action();
  }
}
