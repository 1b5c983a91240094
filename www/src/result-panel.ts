import { byId } from "./dom";
import type { Mix } from "./mix/mixing";
import type { Kept } from "./results";
import { text } from "./strings";

/** What the sliders of the result, and the choice among results, ask for. */
export interface ResultHandlers {
  /** `done` is whether the slider was let go. */
  mix(mix: Mix, done: boolean): void;
  select(number: number): void;
  /** Compares with a result, or with the photo. */
  compare(number: number | undefined): void;
  undo(): void;
  redo(): void;
}

/** The controls of the result. Knows how to show things; what to do about them is others'. */
export class ResultPanel {
  readonly #root = byId("result", HTMLElement);
  readonly #strength = byId("strength", HTMLInputElement);
  readonly #detail = byId("detail", HTMLInputElement);
  readonly #colour = byId("colour", HTMLInputElement);
  readonly #against = byId("against", HTMLSelectElement);
  readonly #undo = byId("undo", HTMLButtonElement);
  readonly #redo = byId("redo", HTMLButtonElement);
  readonly #list = byId("results-list", HTMLElement);

  /** Starts listening. */
  listen(handlers: ResultHandlers): void {
    for (const slider of this.#sliders) {
      slider.addEventListener("input", () => {
        this.#showValues();
        handlers.mix(this.#mix, false);
      });
      slider.addEventListener("change", () => {
        handlers.mix(this.#mix, true);
      });
    }
    this.#list.addEventListener("change", ({ target }) => {
      handlers.select(Number((target as HTMLInputElement).value));
    });
    this.#against.addEventListener("change", () => {
      handlers.compare(Number(this.#against.value) || undefined);
    });
    this.#undo.addEventListener("click", () => {
      handlers.undo();
    });
    this.#redo.addEventListener("click", () => {
      handlers.redo();
    });
  }

  /** Shows what is known of a result, and how it is mixed. */
  show({ result, about }: Kept, { strength, detail, colour }: Mix): void {
    this.#root.hidden = false;
    // An enlarged result cannot be mixed with the photo.
    byId("mix", HTMLElement).hidden = result.scale > 1;
    // Networks that enlarge do not take noise off, and so cannot tell what it is like.
    byId("noise-details", HTMLElement).hidden = result.scale > 1;
    byId("save-more", HTMLElement).hidden = false;
    byId("noise-about", HTMLElement).textContent = about;
    for (const [slider, share] of [
      [this.#strength, strength],
      [this.#detail, detail],
      [this.#colour, colour],
    ] as const) {
      slider.value = String(Math.round(100 * share));
    }
    this.#showValues();
    byId("download-label", HTMLElement).textContent = text.save.save;
  }

  /** Offers all results, to show one and to compare it with another. */
  showResults(all: readonly Kept[], selected: Kept, against: Kept | undefined): void {
    byId("results", HTMLElement).hidden = all.length < 2;
    this.#list.replaceChildren(...all.map((kept) => radio(kept, kept === selected)));
    const others = all.filter((kept) => kept !== selected);
    const option = ({ number }: Kept) => new Option(text.result.number(number), String(number));
    this.#against.replaceChildren(new Option(text.stage.original, ""), ...others.map(option));
    this.#against.value = String(against?.number ?? "");
  }

  /** Enables the steps back and forward that there are. */
  showHistory(canUndo: boolean, canRedo: boolean): void {
    this.#undo.disabled = !canUndo;
    this.#redo.disabled = !canRedo;
  }

  /** Shows what can be had of a stack that was denoised. */
  showWhole(pages: number): void {
    this.#root.hidden = false;
    // Strength and formats are for one page, whose pixels are still there.
    for (const id of ["mix", "results", "save-more", "noise-details"]) byId(id, HTMLElement).hidden = true;
    byId("noise-about", HTMLElement).textContent = "";
    this.showHistory(false, false);
    byId("download-label", HTMLElement).textContent = text.save.savePages(pages);
  }

  /** There is no result. */
  hide(): void {
    this.#root.hidden = true;
  }

  get #sliders(): readonly HTMLInputElement[] {
    return [this.#strength, this.#detail, this.#colour];
  }

  get #mix(): Mix {
    const share = (slider: HTMLInputElement) => slider.valueAsNumber / 100;
    return { strength: share(this.#strength), detail: share(this.#detail), colour: share(this.#colour) };
  }

  #showValues(): void {
    for (const slider of this.#sliders) {
      const value = `${slider.value} %`;
      byId(`${slider.id}-value`, HTMLOutputElement).textContent = value;
      slider.setAttribute("aria-valuetext", value);
    }
  }
}

function radio({ number, title }: Kept, checked: boolean): HTMLLabelElement {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "results", value: String(number), checked });
  const name = document.createElement("span");
  name.textContent = `${text.result.number(number)}: ${title}`;
  label.append(input, name);
  return label;
}
