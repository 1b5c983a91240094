import type { Comparison } from "./comparison";
import { Learning } from "./learning";
import type { Networks } from "./networks";
import type { Photo } from "./photo";
import * as saved from "./saved";
import { text } from "./strings";
import type { Views } from "./views";

/** What the page does for a tuning. */
export interface Desk {
  /** The photo on screen, unless something is under way. */
  photo(): Photo | undefined;
  /** Whether that photo is kept for a reload. */
  keeps(): boolean;
  /** Does something that can be canceled; tells whether it came to its end. */
  running(work: (signal: AbortSignal) => Promise<void>): Promise<boolean>;
  /** What was denoised before is not what is on screen any more. */
  begin(): Promise<void>;
  /** Denoises the photo on screen. */
  denoise(): Promise<void>;
  /** Keeps photo and settings for a reload. */
  remember(): Promise<void>;
  /** Another network may be in use. */
  onChange(): void;
}

/** What becomes of the networks that are tuned: the better one is used, any other is offered. */
export class Tuning {
  readonly #views: Views;
  readonly #networks: Networks;
  readonly #comparison: Comparison;
  readonly #desk: Desk;
  readonly #learning: Learning;
  /** The best network of a tuning that did not come to its end. */
  #found: saved.Best | undefined;

  constructor(views: Views, networks: Networks, comparison: Comparison, desk: Desk) {
    this.#views = views;
    this.#networks = networks;
    this.#comparison = comparison;
    this.#desk = desk;
    this.#learning = new Learning(views.stage, views.learn, networks);
  }

  /**
   * Tunes the network to the photo on screen, then denoises the photo with what is kept.
   *
   * @param noise a model of noise, as JSON, to be learned instead of that of the photo
   */
  async learn(noise?: string): Promise<void> {
    const photo = this.#desk.photo();
    if (!photo) return;
    const { learn, panel } = this.#views;
    const { status } = panel;
    const before = this.#comparison.selected?.number;
    learn.begin();
    const outcome: { better: boolean; best?: saved.Best; signal?: AbortSignal } = { better: false };
    const done = await this.#desk.running(async (signal) => {
      outcome.signal = signal;
      await this.dropFound();
      await this.#desk.remember();
      await this.#desk.begin();
      const keepBest = (found: saved.Best) => {
        outcome.best = found;
        if (this.#desk.keeps()) void saved.keepBest(found);
      };
      outcome.better = await this.#learning.run(photo, signal, keepBest, noise);
    });
    const { better, best, signal } = outcome;
    await this.#desk.remember();
    // What was found before a crash is not lost; what was given up is.
    if (done || signal?.aborted) await this.dropFound();
    else this.offer(best);
    if (!done) learn.showNothing(text.tune.unchanged);
    this.#desk.onChange();
    if (!done) return;
    // Tuned weights say by themselves how they want to be run.
    if (better) this.#views.advanced.adapt = "auto";
    if (better || !this.#comparison.selected) await this.#denoiseBeside(before);
    else {
      await this.#comparison.restore();
      panel.setStatus(status);
    }
  }

  /** Ends the tuning, and keeps what was best so far. */
  stop(): void {
    this.#learning.stop();
  }

  /** Uses what was learned though the estimate did not speak for it, and shows its result beside the one before. */
  async useLearned(): Promise<void> {
    const before = this.#comparison.selected?.number;
    if (!(await this.#networks.useLearned())) return;
    this.#views.learn.showChosen(true);
    this.#views.advanced.adapt = "auto";
    await this.#denoiseBeside(before);
  }

  /** Goes on with the network of a tuning that did not come to its end. */
  async useFound(): Promise<void> {
    const found = this.#found;
    if (!found || !this.#desk.photo() || !(await this.#networks.useFound(found))) return;
    this.#views.learn.showUsed(found.step);
    this.#views.advanced.adapt = "auto";
    await this.#desk.remember();
    await this.dropFound();
    await this.#desk.denoise();
  }

  /** Goes back to the network from before the last tuning. */
  async revert(): Promise<void> {
    if (await this.#networks.revert()) this.#views.learn.showChosen(false);
  }

  /** Offers the network that a tuning had found which did not come to its end; or none. */
  offer(found: saved.Best | undefined): void {
    this.#found = found;
    this.#views.learn.showFound(found?.step);
  }

  /** Offers it no more, and forgets it. */
  async dropFound(): Promise<void> {
    this.offer(undefined);
    await saved.dropBest();
  }

  /** Denoises the photo, and compares the result with the one of that number, while there is such. */
  async #denoiseBeside(number: number | undefined): Promise<void> {
    await this.#desk.denoise();
    if (this.#comparison.has(number)) await this.#comparison.compareWith(number);
  }
}
