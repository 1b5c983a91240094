import { Denoiser, type CreateOptions, type DeviceChoice, type Progress } from "unnoise";
import { weights as furtherWeights } from "unnoise-weights";

/** What the page lets one choose. */
export type Choice = Pick<CreateOptions, "model" | "weights" | "preset"> & {
  readonly device?: DeviceChoice | undefined;
};

/**
 * The denoiser in use. Another choice makes another denoiser; the old one lives on until the last result whose pixels it
 * holds is dropped.
 */
export class Engines {
  #choice: Choice;
  #current: Promise<Denoiser> | undefined;
  /** How many results each denoiser holds. */
  readonly #results = new Map<Denoiser, number>();
  readonly #onProgress: (progress: Progress) => void;
  /** Ends the start that is under way. */
  #start = new AbortController();

  constructor(choice: Choice, onProgress: (progress: Progress) => void) {
    this.#choice = choice;
    this.#onProgress = onProgress;
  }

  /** What the current denoiser was made from, with the model that it turned out to be. */
  get choice(): Choice {
    return this.#choice;
  }

  /** The denoiser; one that failed to start is tried again. */
  get(): Promise<Denoiser> {
    this.#current ??= this.#create();
    return this.#current;
  }

  /** Starts a denoiser for another choice; own weights without a model tell theirs. When it does not start, the one from before stays. */
  async choose(choice: Choice): Promise<Denoiser> {
    const created = this.#begin(choice);
    const denoiser = await created;
    const old = this.#current;
    this.#current = created;
    this.#choice = { ...choice, model: denoiser.info().model };
    const before = await old?.catch(() => undefined);
    if (before && !this.#results.has(before)) before.dispose();
    return denoiser;
  }

  /** Notes that the denoiser has tuned itself, and that these are its weights now. */
  tuned(weights: File): void {
    this.#choice = { ...this.#choice, weights, preset: undefined };
  }

  /** Notes that `owner` holds one result more. */
  retain(owner: Denoiser): void {
    this.#results.set(owner, (this.#results.get(owner) ?? 0) + 1);
  }

  /** Notes that `owner` holds one result less; with its last one it ends, if another one has taken over. */
  async release(owner: Denoiser): Promise<void> {
    const left = (this.#results.get(owner) ?? 1) - 1;
    if (left > 0) {
      this.#results.set(owner, left);
      return;
    }
    this.#results.delete(owner);
    const current = await this.#current?.catch(() => undefined);
    if (owner !== current && !this.#results.has(owner)) owner.dispose();
  }

  /** Gives up the denoiser that is being started. */
  cancel(): void {
    this.#start.abort();
  }

  #begin(choice: Choice): Promise<Denoiser> {
    this.#start = new AbortController();
    const weightsUrl = furtherWeights[choice.model ?? ""];
    return Denoiser.create({
      ...choice,
      weightsUrl,
      onProgress: this.#onProgress,
      signal: this.#start.signal,
    });
  }

  async #create(): Promise<Denoiser> {
    try {
      const denoiser = await this.#begin(this.#choice);
      this.#choice = { ...this.#choice, model: denoiser.info().model };
      return denoiser;
    } catch (thrown) {
      this.#current = undefined;
      throw thrown;
    }
  }
}
