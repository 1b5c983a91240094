import { Denoiser, type CreateOptions, type DenoiseResult, type DeviceChoice, type Progress } from "unnoise";

/** What the page lets one choose. */
export type Choice = Pick<CreateOptions, "model" | "weights" | "preset"> & {
  readonly device?: DeviceChoice | undefined;
};

/**
 * The denoiser in use. Another choice makes another denoiser; the old one lives on until the result that is still on
 * screen, whose pixels it holds, is dropped.
 */
export class Engines {
  #choice: Choice;
  #current: Promise<Denoiser> | undefined;
  #result: { readonly owner: Denoiser; readonly result: DenoiseResult } | undefined;
  readonly #onProgress: (progress: Progress) => void;
  /** Ends the start that is under way. */
  #start = new AbortController();

  constructor(choice: Choice, onProgress: (progress: Progress) => void) {
    this.#choice = choice;
    this.#onProgress = onProgress;
  }

  /** What the current denoiser was made from, with the model that its weights turned out to be of. */
  get choice(): Choice {
    return this.#choice;
  }

  /** The result on screen. */
  get result(): DenoiseResult | undefined {
    return this.#result?.result;
  }

  /** The denoiser; one that failed to start is tried again. */
  get(): Promise<Denoiser> {
    this.#current ??= this.#create(this.#choice);
    return this.#current;
  }

  /** Starts a denoiser for another choice; own weights without a model tell theirs. When it does not start, the one from before stays. */
  async choose(choice: Choice): Promise<Denoiser> {
    const old = this.#current;
    const created = this.#begin(choice);
    const denoiser = await created;
    this.#current = created;
    this.#choice = { ...choice, model: denoiser.info().model };
    const before = await old?.catch(() => undefined);
    if (before && before !== this.#result?.owner) before.dispose();
    return denoiser;
  }

  /** Notes that the denoiser has tuned itself, and that these are its weights now. */
  tuned(weights: File): void {
    this.#choice = { ...this.#choice, weights, preset: undefined };
  }

  /** Notes which result is on screen, and the denoiser that made it. */
  keep(owner: Denoiser, result: DenoiseResult): void {
    this.#result = { owner, result };
  }

  /** Frees the result on screen, and its denoiser when another one has taken over. */
  async drop(): Promise<void> {
    const dropped = this.#result;
    this.#result = undefined;
    if (!dropped) return;
    dropped.result.dispose();
    const current = await this.#current?.catch(() => undefined);
    if (dropped.owner !== current) dropped.owner.dispose();
  }

  /** Gives up the denoiser that is being started. */
  cancel(): void {
    this.#start.abort();
  }

  #begin(choice: Choice): Promise<Denoiser> {
    this.#start = new AbortController();
    return Denoiser.create({ ...choice, onProgress: this.#onProgress, signal: this.#start.signal });
  }

  #create(choice: Choice): Promise<Denoiser> {
    const created = this.#begin(choice);
    created.catch(() => {
      this.#current = undefined;
    });
    return created;
  }
}
