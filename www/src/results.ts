import type { Denoiser, DenoiseResult } from "unnoise";
import type { Engines } from "./engines";

/** A result, and what is told of it. */
export interface Made {
  readonly result: DenoiseResult;
  /** The denoiser that holds its pixels. */
  readonly owner: Denoiser;
  /** What made it. */
  readonly title: string;
  /** The noise, and what was done about it. */
  readonly about: string;
}

/** A result that is kept to be compared with others of the same photo. */
export interface Kept extends Made {
  /** Counts the results of a photo, from 1. */
  readonly number: number;
}

/** Megapixels of all results together, at most: each holds six bytes a pixel. One is kept in any case. */
const MAX_MEGAPIXELS = 50;
const MAX_COUNT = 5;

/** The results of the photo on screen. */
export class Results {
  readonly #engines: Engines;
  #all: readonly Kept[] = [];
  #last = 0;

  constructor(engines: Engines) {
    this.#engines = engines;
  }

  /** All of them, oldest first. */
  get all(): readonly Kept[] {
    return this.#all;
  }

  /** The one of that number. */
  find(number: number | undefined): Kept | undefined {
    return this.#all.find((kept) => kept.number === number);
  }

  /** Takes another one, in place of one that was made alike; gives up the oldest where there are too many. */
  async add(made: Made): Promise<Kept> {
    const kept = { ...made, number: ++this.#last };
    this.#engines.retain(made.owner);
    const alike = this.#all.find(({ title }) => title === made.title);
    this.#all = [...this.#all, kept];
    if (alike) await this.#drop(alike);
    for (let first = this.#all[0]; first && this.#tooMany(); first = this.#all[0]) await this.#drop(first);
    return kept;
  }

  /** Gives up all of them. */
  async clear(): Promise<void> {
    const dropped = this.#all;
    this.#all = [];
    this.#last = 0;
    for (const kept of dropped) await this.#free(kept);
  }

  #tooMany(): boolean {
    const megapixels = this.#all.reduce((sum, { result }) => sum + (result.width * result.height) / 1e6, 0);
    return this.#all.length > 1 && (this.#all.length > MAX_COUNT || megapixels > MAX_MEGAPIXELS);
  }

  async #drop(kept: Kept): Promise<void> {
    this.#all = this.#all.filter((one) => one !== kept);
    await this.#free(kept);
  }

  async #free({ result, owner }: Kept): Promise<void> {
    result.dispose();
    await this.#engines.release(owner);
  }
}
