import type { PhotoNoise } from "unnoise";
import { byId, context2d, say } from "./dom";
import * as format from "./format";
import { drawCurves } from "./noise-curve";
import type { Activity } from "./panel";
import { text } from "./strings";

/** Frequencies of the spectrum along each side. */
const FREQUENCIES = 16;
/** Powers that are black and white in the picture of the spectrum, as multiples of the mean. */
const POWERS = { least: 1 / 16, most: 16 };

/** What a photo's noise is like, kept closed for most. Knows how to show things; what to do about them is the app's. */
export class NoisePanel {
  readonly save = byId("noise-save", HTMLButtonElement);
  readonly open = byId("noise-open", HTMLButtonElement);
  readonly file = byId("noise-file", HTMLInputElement);
  readonly #details = byId("noise-details", HTMLDetailsElement);
  readonly #status = byId("noise-status", HTMLElement);
  readonly #facts = byId("noise-facts", HTMLElement);
  readonly #curves = byId("noise-curves", SVGSVGElement);

  /** Calls `onOpen` whenever it is opened. */
  listen(onOpen: () => void): void {
    this.#details.addEventListener("toggle", () => {
      if (this.isOpen) onOpen();
    });
  }

  get isOpen(): boolean {
    return this.#details.open;
  }

  /** Says what is going on, or went wrong, in place of what is known. */
  say(line: string): void {
    this.#facts.hidden = true;
    this.#status.textContent = line;
  }

  /** Shows what was measured. */
  show(noise: PhotoNoise): void {
    this.#status.textContent = "";
    this.#facts.hidden = false;
    const strength = format.noiseStrength(noise);
    drawCurves(this.#curves, noise.curves);
    this.#curves.ariaLabel = `${text.noise.strength}: ${strength}`;
    this.#showKeys(noise.curves.length);
    say(byId("noise-strength", HTMLElement), strength);
    this.#showSpectrum(noise);
    this.#showPatches(noise.patches);
    const more = format.noiseDefects(noise);
    say(byId("noise-more", HTMLElement), more);
    byId("noise-more", HTMLElement).hidden = more === "";
  }

  /** Enables what makes sense now. */
  setActivity(activity: Activity): void {
    this.open.disabled = activity !== "idle";
  }

  #showKeys(channels: number): void {
    const { gray, red, green, blue } = text.noise.channels;
    const names = channels === 1 ? { gray } : { red, green, blue };
    const keys = Object.entries(names).map(([id, name]) => {
      const key = document.createElement("span");
      key.className = `key key-${id}`;
      key.textContent = name;
      return key;
    });
    byId("noise-keys", HTMLElement).replaceChildren(...keys);
  }

  #showSpectrum(noise: PhotoNoise): void {
    const canvas = byId("noise-spectrum", HTMLCanvasElement);
    const image = new ImageData(FREQUENCIES, FREQUENCIES);
    const span = Math.log(POWERS.most / POWERS.least);
    noise.spectrum.forEach((power, i) => {
      const share = Math.log(Math.max(power, 1e-9) / POWERS.least) / span;
      image.data.fill(255 * share, 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    });
    context2d(canvas).putImageData(image, 0, 0);
    const about = format.noiseSpectrum(noise);
    canvas.ariaLabel = `${text.noise.spectrum}: ${about}`;
    say(byId("noise-spectrum-about", HTMLElement), about);
  }

  #showPatches(patches: PhotoNoise["patches"]): void {
    byId("noise-patches", HTMLElement).hidden = !patches;
    if (!patches) return;
    for (const [id, image] of Object.entries(patches)) {
      const canvas = byId(`noise-patch-${id}`, HTMLCanvasElement);
      canvas.width = image.width;
      canvas.height = image.height;
      context2d(canvas).putImageData(image, 0, 0);
    }
  }
}
