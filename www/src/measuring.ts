import type { PhotoNoise } from "unnoise";
import type { Engines } from "./engines";
import * as format from "./format";
import type { NoisePanel } from "./noise-panel";
import type { Photo } from "./photo";
import { offer } from "./saving/delivery";
import { text } from "./strings";
import { isCancel, sentence } from "./tasks";

/** Measures the noise of the photo on screen, when somebody wants to know. */
export class Measuring {
  readonly #panel: NoisePanel;
  readonly #engines: Engines;
  #noise: PhotoNoise | undefined;
  #run: AbortController | undefined;

  constructor(panel: NoisePanel, engines: Engines) {
    this.#panel = panel;
    this.#engines = engines;
  }

  /** Another photo is on screen. */
  clear(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#noise = undefined;
    this.#panel.say("");
  }

  /** Measures the noise of a photo, unless that is not wanted, or done. */
  async show(photo: Photo): Promise<void> {
    if (!this.#panel.isOpen || this.#noise || this.#run) return;
    const run = new AbortController();
    this.#run = run;
    this.#panel.say(text.noise.measuring);
    try {
      const denoiser = await this.#engines.get();
      const noise = await denoiser.noiseModel(photo.file, { page: photo.page, signal: run.signal });
      if (run !== this.#run) return;
      this.#noise = noise;
      this.#panel.show(noise);
    } catch (thrown) {
      if (run === this.#run) this.#panel.say(isCancel(thrown) ? "" : sentence(thrown));
    } finally {
      if (run === this.#run) this.#run = undefined;
    }
  }

  /** Saves the model that was measured. */
  save(name: string): void {
    if (!this.#noise) return;
    offer(new Blob([this.#noise.json], { type: "application/json" }), format.noiseName(name));
  }
}
