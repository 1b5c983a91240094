import type { Area, Tile } from "unnoise";
import { byId } from "./dom";
import { fit, middle, pan, place, zoomTo, type Point, type Size, type View } from "./geometry";
import { Gestures } from "./gestures";
import { initHold } from "./hold";
import { onKeys, type Keys } from "./keys";
import { Pictures } from "./pictures";
import { text } from "./strings";

/** Zoom range, device pixels per photo pixel. */
const MIN_ZOOM = 0.02;
const MAX_ZOOM = 32;
/** Narrower stages show two pictures one above the other, CSS pixels. */
const NARROW = 600;

/** How photo and result are shown: with a boundary that can be moved, beside each other, or as their difference. */
export type Mode = "split" | "side" | "noise";

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
  readonly #zoomButtons = [...this.#root.querySelectorAll<HTMLButtonElement>("[data-zoom]")];
  #view: View = { scale: 1, x: 0, y: 0 };
  #fitted = true;
  #split = 50;
  #mode: Mode = "split";

  constructor() {
    new Gestures(this.#viewport, this.#divider, {
      pan: (dx, dy) => {
        this.#move(pan(this.#view, dx, dy, this.#pictures.size, this.#size()));
      },
      zoom: (factor, point) => {
        this.#zoomTo(this.#view.scale * factor, this.#inPane(point));
      },
      toggle: (point) => {
        if (this.#fitted) this.#zoomTo(this.#fullScale(), this.#inPane(point));
        else this.fit();
      },
      split: (x) => {
        this.setSplit((100 * x) / this.#size().width);
      },
    });
    this.#initButtons();
    onKeys(this.#viewport, () => this.#viewportKeys());
    onKeys(this.#divider, () => this.#dividerKeys());
    new ResizeObserver(() => {
      this.#resized();
    }).observe(this.#viewport);
  }

  /**
   * Shows a photo, whole, without anything to compare it with.
   *
   * @param isShown whether it is there already, as another reader shows it: it stays where it is, and what is compared with it
   */
  async show(image: ImageData | ImageBitmap, isShown = false): Promise<void> {
    const { width, height } = this.#pictures.size;
    if (isShown && image.width === width && image.height === height) {
      await this.#pictures.replaceBefore(image);
      return;
    }
    const shown = this.#pictures.show(image);
    this.#setState("alone");
    this.#setPixels();
    this.fit();
    await shown;
  }

  /** Shows all of a result that is on its way, `enlargement` times the size of the photo, tile by tile. */
  startResult(enlargement: number): void {
    this.#keepPlace(() => {
      this.#pictures.startAfter(enlargement);
    });
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

  /** The photo's pixels in an area, unless it is too large to be shown with all of them. */
  cut(area: Area): ImageData | undefined {
    return this.#pictures.cut(area);
  }

  /** Shows another result that is complete, `enlargement` times the size of the photo. */
  async fillResult(image: ImageData, enlargement: number): Promise<void> {
    this.#keepPlace(() => {
      this.#pictures.startAfter(enlargement);
    });
    await this.#pictures.fillAfter(image);
    this.#setState("comparing");
  }

  /** Compares with another picture than before, which is called `name`. */
  async compareWith(image: ImageData, name: string): Promise<void> {
    await this.#pictures.replaceBefore(image);
    this.nameBefore(name);
  }

  /** Says what the left picture is. */
  nameBefore(name: string): void {
    byId("label-before", HTMLElement).textContent = name;
  }

  /** The row of the result in the middle of the viewport. */
  get middleRow(): number {
    return (this.#size().height / 2 - this.#view.y) / this.#view.scale;
  }

  /** Compares the photo with the result, which is complete; or with the part of it that there is. */
  compare(isComplete = true): void {
    this.#setState(isComplete ? "comparing" : "partial");
    this.setSplit(50, { glide: true });
  }

  /** Shows the photo alone. */
  dropResult(): void {
    this.#setState("alone");
    this.#keepPlace(() => {
      this.#pictures.dropAfter();
    });
  }

  /** Shows photo and result in another way. */
  setMode(mode: Mode): void {
    this.#mode = mode;
    for (const one of ["side", "noise"]) this.#root.classList.toggle(`is-${one}`, one === mode);
    byId("label-after", HTMLElement).textContent =
      mode === "noise" ? text.stage.removed : text.stage.denoised;
    for (const button of this.#root.querySelectorAll<HTMLElement>("[data-view]")) {
      button.ariaPressed = String(button.dataset.view === mode);
    }
    this.#resized();
  }

  /** Shows the photo alone, while one holds on. */
  hold(on: boolean): void {
    this.#root.classList.toggle("is-holding", on);
  }

  /** Moves the boundary to `percent` of the viewport's width. */
  setSplit(percent: number, options: { glide?: boolean } = {}): void {
    this.#split = Math.min(100, Math.max(0, percent));
    this.#root.classList.toggle("is-gliding", options.glide ?? false);
    this.#root.style.setProperty("--split", `${this.#split}%`);
    const value = Math.round(this.#split);
    this.#divider.setAttribute("aria-valuenow", String(value));
    this.#divider.setAttribute("aria-valuetext", text.stage.boundaryAt(value));
  }

  /** Shows the whole photo. */
  fit(): void {
    this.#move(fit(this.#pictures.size, this.#size()));
    this.#setFitted(true);
  }

  /** Shows the middle at 100 percent, where the whole is shown so small that noise is not seen. */
  lookClosely(): void {
    if (this.#view.scale < this.#fullScale() / 2) this.#zoomTo(this.#fullScale(), this.#center());
  }

  #setState(state: "alone" | "painting" | "partial" | "comparing"): void {
    this.#root.classList.toggle("is-comparing", state !== "alone");
    this.#root.classList.toggle("is-painting", state === "painting");
    this.#root.classList.toggle("is-partial", state === "painting" || state === "partial");
    byId("views", HTMLElement).hidden = state !== "comparing";
    this.#resized();
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
    const { width, height } = this.#pictures.size;
    this.#viewport.style.setProperty("--photo-width", `${width}px`);
    this.#viewport.style.setProperty("--photo-height", `${height}px`);
  }

  /** Whether the two pictures lie beside each other, and in which direction. */
  get #pairing(): "none" | "row" | "column" {
    const paired = this.#mode === "side" && this.#root.classList.contains("is-comparing");
    return paired ? (this.#viewport.clientWidth < NARROW ? "column" : "row") : "none";
  }

  /** Size of the pane for one picture. */
  #size(): Size {
    const { clientWidth: width, clientHeight: height } = this.#viewport;
    const pairing = this.#pairing;
    return {
      width: pairing === "row" ? width / 2 : width,
      height: pairing === "column" ? height / 2 : height,
    };
  }

  /** A point of the viewport in the pane that it lies in. */
  #inPane({ x, y }: Point): Point {
    const { width, height } = this.#size();
    return { x: x % width, y: y % height };
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
    for (const button of this.#zoomButtons) {
      const zoom = Number(button.dataset.zoom);
      button.ariaPressed = String(Math.abs(this.#view.scale / this.#fullScale() / zoom - 1) < 1e-6);
    }
  }

  #move(view: View): void {
    this.#view = view;
    this.#pictures.look(view, this.#size());
    const { style } = this.#viewport;
    style.setProperty("--x", `${view.x}px`);
    style.setProperty("--y", `${view.y}px`);
    style.setProperty("--scale", String(view.scale));
    const zoom = view.scale / this.#fullScale();
    this.#zoomValue.textContent = `${Math.round(zoom * 100)} %`;
  }

  #resized(): void {
    this.#root.classList.toggle("is-stacked", this.#pairing === "column");
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
    for (const button of this.#zoomButtons) {
      on(button, () => {
        this.#zoomTo(Number(button.dataset.zoom) * this.#fullScale(), this.#center());
      });
    }
    for (const button of this.#root.querySelectorAll<HTMLButtonElement>("[data-view]")) {
      on(button, () => {
        this.setMode(button.dataset.view as Mode);
      });
    }
    initHold(byId("hold", HTMLButtonElement), (held) => {
      this.hold(held);
    });
    on(byId("zoom-in", HTMLButtonElement), () => {
      this.#zoomTo(this.#view.scale * 1.5, this.#center());
    });
    on(byId("zoom-out", HTMLButtonElement), () => {
      this.#zoomTo(this.#view.scale / 1.5, this.#center());
    });
  }

  #viewportKeys(): Keys {
    const step = 48;
    const move = (dx: number, dy: number) => () => {
      this.#move(pan(this.#view, dx, dy, this.#pictures.size, this.#size()));
    };
    const zoom = (scale: number) => () => {
      this.#zoomTo(scale, this.#center());
    };
    return {
      ArrowLeft: move(step, 0),
      ArrowRight: move(-step, 0),
      ArrowUp: move(0, step),
      ArrowDown: move(0, -step),
      "+": zoom(this.#view.scale * 1.5),
      "=": zoom(this.#view.scale * 1.5),
      "-": zoom(this.#view.scale / 1.5),
      "1": zoom(this.#fullScale()),
      "2": zoom(2 * this.#fullScale()),
      "4": zoom(4 * this.#fullScale()),
      "0": () => {
        this.fit();
      },
    };
  }

  #dividerKeys(): Keys {
    const to = (percent: number) => () => {
      this.setSplit(percent);
    };
    return {
      ArrowLeft: to(this.#split - 2),
      ArrowDown: to(this.#split - 2),
      ArrowRight: to(this.#split + 2),
      ArrowUp: to(this.#split + 2),
      PageDown: to(this.#split - 10),
      PageUp: to(this.#split + 10),
      Home: to(0),
      End: to(100),
    };
  }
}
