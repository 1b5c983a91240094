import type { ImageType } from "unnoise";
import { byId } from "./dom";
import type { Mix } from "./mix/mixing";
import { shrunkSide } from "./saving/redraw";
import { canBeDrawn, needsDrawing, type Facts, type SaveOptions } from "./saving/save";
import { text } from "./strings";

/** By how much the sides of what is saved may be divided. */
const FACTORS = [1, 2, 4];
const SAVED_AS = "save-as";

/** How the result is saved. */
export class SavePanel {
  readonly save = byId("download", HTMLButtonElement);
  readonly copy = byId("copy", HTMLButtonElement);
  readonly share = byId("share", HTMLButtonElement);
  readonly #format = byId("format", HTMLSelectElement);
  readonly #quality = byId("quality", HTMLInputElement);
  readonly #size = byId("size", HTMLSelectElement);
  readonly #depth = byId("depth", HTMLSelectElement);
  readonly #metadata = byId("metadata", HTMLInputElement);
  #photo: Facts | undefined;
  #mix: Mix | undefined;

  constructor() {
    this.#recall();
    for (const control of [this.#format, this.#quality, this.#size, this.#depth]) {
      control.addEventListener("input", () => {
        this.#update();
      });
    }
    this.#update();
  }

  /** How the file is to be. */
  get options(): SaveOptions {
    return {
      type: this.#format.value as ImageType,
      quality: this.#quality.valueAsNumber / 100,
      factor: Number(this.#size.value || 1),
      ownDepth: this.#depth.value === "own",
      metadata: this.#metadata.checked,
    };
  }

  /** Offers what suits a result, mixed like this, of a photo like that. */
  show({ width, height }: { width: number; height: number }, mix: Mix, photo: Facts): void {
    this.#mix = mix;
    this.#photo = photo;
    const names = FACTORS.map((factor) => {
      return text.save.sizeOf(100 / factor, shrunkSide(width, factor), shrunkSide(height, factor));
    });
    if (names[0] !== this.#size.options[0]?.text) {
      this.#size.replaceChildren(...FACTORS.map((factor, i) => new Option(names[i], String(factor))));
    }
    this.#update();
  }

  /** Says what is going on. */
  setBusy(busy: boolean): void {
    for (const button of [this.save, this.copy, this.share]) button.disabled = busy;
    byId("download-label", HTMLElement).textContent = busy ? text.save.saving : text.save.save;
  }

  #update(): void {
    const { type } = this.options;
    byId("quality-field", HTMLElement).hidden = type !== "image/jpeg";
    byId("quality-value", HTMLOutputElement).textContent = this.#quality.value;
    byId("depth-field", HTMLElement).hidden = this.#photo?.bitDepth !== 16 || type !== "image/png";
    const drawn = this.#photo && this.#mix && needsDrawing(this.options, this.#mix, this.#photo);
    for (const option of this.#format.options) {
      option.disabled = Boolean(drawn) && !canBeDrawn(option.value as ImageType);
    }
    byId("save-limits", HTMLElement).hidden = !drawn;
    if (drawn && !canBeDrawn(type)) this.#format.value = "image/png";
    this.#remember();
  }

  #recall(): void {
    try {
      this.#format.value = localStorage.getItem(SAVED_AS) ?? this.#format.value;
    } catch {
      // Storage is denied here: PNG it is.
    }
  }

  #remember(): void {
    try {
      localStorage.setItem(SAVED_AS, this.#format.value);
    } catch {
      // Storage is denied here: the choice holds for this visit.
    }
  }
}
