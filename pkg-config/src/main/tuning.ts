/** Fine-tuning as the caller sees it: options, reports, and the handle of a run. */
import { UnnoiseError, guarded, throwIfAborted } from "../shared/errors.js";
import type { Course } from "./course.js";
import { fileOf } from "./held.js";
import type { Link } from "./link.js";
import type { LearningProgress, NoiseModel, NoiseSummary, TrainingOptions } from "../shared/contract.js";
import type { Area } from "../shared/protocol.js";
import { platform } from "../shared/platform.js";
import type { EngineInfo, ImageInput, Tile } from "../shared/types.js";

/** How long the worker learns between two reports, milliseconds: short enough to stop at once. */
const REPORT_EVERY = 80;
/** Time from one preview to the next, milliseconds, at least. */
const PREVIEW_EVERY = 2000;
/** How much longer than a preview takes the learning goes on until the next one. */
const PREVIEW_PATIENCE = 9;
/** How many times longer than ever before in the run the worker may be silent: validation takes more than a step. */
const SLOWEST = 50;

/** A report of a run of fine-tuning. */
export interface TuningProgress extends LearningProgress {
  /** The part of the photo that was asked for as `preview`, when there is a new picture of it. */
  readonly preview: Tile | undefined;
  /** Why the run has just gone on in a new engine (the one before crashed, hung or lost its GPU); told once a run. */
  readonly restart: string | undefined;
}

/** The best network of a run so far. */
export interface BestSoFar {
  /** After which step it was found. */
  readonly step: number;
  /** Its weights as a safetensors file, as `exportWeights` gives them afterwards. */
  readonly weights: Blob;
}

/** Options of `fineTune`. */
export interface FineTuneOptions {
  /** Id of a card of `objectives(model)`. Default: what suits the network. */
  readonly objective?: string | undefined;
  /** Steps of the optimiser, at most. Default: the `steps` of the objective's card. */
  readonly steps?: number | undefined;
  /** Time, at most, seconds. */
  readonly budget?: number | undefined;
  /** Seed of everything random, an integer from 0 to 2^32 - 1. Default 0. */
  readonly seed?: number | undefined;
  /** Peak of the learning rate. Default: what suits network and objective. */
  readonly learningRate?: number | undefined;
  /** Patches per step. */
  readonly batch?: number | undefined;
  /** Side of a patch, pixels; rounded to what the network takes. */
  readonly patch?: number | undefined;
  /** Which page of a stack is learned from, from 0. Default 0. */
  readonly page?: number | undefined;
  /**
   * Whether several photos are shots of one scene, for `noise2noise`; else they are pictures with noise of one kind, from
   * all of which the network learns. Default: with `noise2noise`, they are.
   */
  readonly shots?: boolean | undefined;
  /** The scene without noise, for objectives that learn from it (`supervised`). */
  readonly clean?: ImageInput | undefined;
  /**
   * A model of noise to learn instead of that of the photo: what `noiseModel` gave for this one or another photo of its kind, or its
   * `json`. For objectives that use it (`noise-model` and those like it).
   */
  readonly noise?: string | Pick<NoiseModel, "json"> | undefined;
  /** A part of the (first) photo to be shown as it would be denoised by then, about every two seconds. */
  readonly preview?: Area | (() => Area | undefined) | undefined;
  /** Gives up: the network stays as it was. */
  readonly signal?: AbortSignal | undefined;
  /** Called several times a second. */
  readonly onProgress?: ((progress: TuningProgress) => void) | undefined;
  /** Called with every new picture of the `preview`, to paint it. */
  readonly onPreview?: ((tile: Tile) => void) | undefined;
  /**
   * Called whenever a network was found better than the original one and all before: a page that keeps these weights loses
   * nothing of it when it is closed in the middle.
   */
  readonly onBest?: ((best: BestSoFar) => void) | undefined;
}

/** What came of fine-tuning, and what ran. */
export interface FineTuned extends EngineInfo {
  /** Whether the denoiser has a tuned network now; else none was better than the original one, which is kept. */
  readonly kept: boolean;
  /** The training objective. */
  readonly objective: string;
  /** After which step the network was best; 0 is the network before training. */
  readonly bestStep: number;
  /** Steps that were done. */
  readonly steps: number;
  /** The photo's noise, for objectives that use it. */
  readonly noise: NoiseSummary | null;
  /** See `TuningProgress`. */
  readonly scores: LearningProgress["scores"];
  /** See `TuningProgress`. */
  readonly simulated: LearningProgress["simulated"];
  /** See `TuningProgress`. */
  readonly margin: number;
  /** Time of the run, seconds. */
  readonly seconds: number;
  /** What a user should know: that a worker was lost on the way, or that memory was short. */
  readonly notes: readonly string[];
  /**
   * Where nothing is kept: the weights that were learned all the same, as safetensors, for those who like their result better
   * (`Denoiser.create({ weights })`).
   */
  readonly learned: Blob | undefined;
}

/** Reports that an iteration has not yet come to. */
interface Inbox {
  readonly waiting: TuningProgress[];
  over: boolean;
  /** Ends the waiting for more. */
  wake: (() => void) | undefined;
}

/**
 * A run of fine-tuning. Awaiting it gives what came of it; iterating over it gives the reports (leaving the loop does
 * not stop the run).
 */
export class FineTuning implements PromiseLike<FineTuned>, AsyncIterable<TuningProgress> {
  readonly #run: TuningRun;
  readonly #tuned: Promise<FineTuned>;

  /** @internal */
  constructor(run: TuningRun, tuned: Promise<FineTuned>) {
    this.#run = run;
    this.#tuned = tuned;
  }

  then<A = FineTuned, B = never>(
    onFulfilled?: ((tuned: FineTuned) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#tuned.then(onFulfilled, onRejected);
  }

  /**
   * The best network so far, if one was found that is better than the original one: also after a run that failed or was given
   * up, of which the denoiser keeps nothing.
   */
  get best(): BestSoFar | undefined {
    return this.#run.best;
  }

  /** Holds the learning, after the step that is under way. Calls of `denoise` wait on. */
  pause(): void {
    this.#run.pause();
  }

  /** Goes on after a pause. */
  resume(): void {
    this.#run.resume();
  }

  /** Ends the learning early, and keeps what was best so far. */
  stop(): void {
    this.#run.stop();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TuningProgress, void, undefined> {
    const inbox: Inbox = { waiting: [], over: false, wake: undefined };
    const unsubscribe = this.#run.subscribe((progress) => {
      inbox.waiting.push(progress);
      inbox.wake?.();
    });
    const end = () => {
      inbox.over = true;
      inbox.wake?.();
    };
    void this.#tuned.then(end, end);
    try {
      for (;;) {
        const next = inbox.waiting.shift();
        if (next) yield next;
        else if (inbox.over) break;
        else await new Promise<void>((resolve) => (inbox.wake = resolve));
      }
      await this.#tuned;
    } finally {
      unsubscribe();
    }
  }
}

/** A run of fine-tuning in the worker. */
interface TuningJob {
  readonly job: number;
  /** Output pixels per input pixel, per side. */
  readonly scale: number;
  /** What the weights are noted to come from. */
  readonly base: string;
}

/** What is to happen with a run: what the caller says, and whom it is reported to. */
export class TuningRun {
  readonly #options: FineTuneOptions;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(progress: TuningProgress) => void>();
  /** The signals that end the run. */
  readonly #signals: readonly AbortSignal[];
  #paused = false;
  #stopped = false;
  #best: BestSoFar | undefined;
  /** Milliseconds that the worker took to answer, at most, in its engine. */
  #longest: number | undefined;
  /** Ends the waiting of a pause. */
  #wake: (() => void) | undefined;

  /** @param life says stop when the denoiser is disposed of */
  constructor(options: FineTuneOptions, life: AbortSignal) {
    this.#options = options;
    const onProgress = guarded("onProgress", options.onProgress);
    if (onProgress) this.#listeners.add(onProgress);
    this.#signals = options.signal ? [options.signal, life] : [life];
    for (const signal of this.#signals) {
      if (signal.aborted) this.#aborted();
      else signal.addEventListener("abort", this.#aborted);
    }
  }

  /** Says stop when the run is to be given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Milliseconds that the worker may say nothing. */
  get silence(): number | undefined {
    return this.#longest && SLOWEST * this.#longest;
  }

  /** The best network so far. */
  get best(): BestSoFar | undefined {
    return this.#best;
  }

  /**
   * From now on the run cannot be given up any more.
   *
   * @throws `UnnoiseError` `canceled` when it was before
   */
  commit(): void {
    throwIfAborted(this.signal);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#aborted);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  subscribe(listener: (progress: TuningProgress) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Has the worker learn until nothing is left to do, or the caller says stop.
   *
   * @throws `UnnoiseError` `canceled` when the run is given up
   */
  async learn(link: Link, job: TuningJob, course: Course): Promise<void> {
    let nextPreview = 0;
    this.#longest = undefined;
    this.#report({ ...course.last, preview: undefined, restart: course.takeReason() });
    for (;;) {
      await this.#unpaused();
      if (this.#stopped) return;
      const asked = performance.now();
      const { progress } = await link.call("learn", { job: job.job, milliseconds: REPORT_EVERY }, this);
      if (!progress) return;
      const start = performance.now();
      this.#longest = Math.max(this.#longest ?? 0, start - asked);
      const before = course.last.bestStep;
      const now = course.take(progress);
      if (now.bestStep > before) await this.#takeBest(link, job, course, now.bestStep);
      const due = progress.phase === "learning" && start >= nextPreview;
      const preview = due ? await this.#preview(link, job) : undefined;
      const end = performance.now();
      if (preview) nextPreview = end + Math.max(PREVIEW_EVERY, PREVIEW_PATIENCE * (end - start));
      this.#report({ ...now, preview, restart: undefined });
    }
  }

  async #preview(link: Link, { job, scale }: TuningJob): Promise<Tile | undefined> {
    const { preview } = this.#options;
    const area = typeof preview === "function" ? preview() : preview;
    if (!area) return undefined;
    const { rgba } = await link.call("preview", { job, area }, this);
    const image = platform.imageData(new Uint8ClampedArray(rgba.buffer), area.width * scale);
    return { x: area.x * scale, y: area.y * scale, image };
  }

  /** Has a copy of the best network, which outlives the worker. */
  async #takeBest(link: Link, { job, base }: TuningJob, course: Course, step: number): Promise<void> {
    const { weights } = await link.call("best", { job, base }, this);
    if (!weights) return;
    course.best = { step, weights };
    this.#best = { step, weights: fileOf(weights) };
    guarded("onBest", this.#options.onBest)?.(this.#best);
  }

  #report(progress: TuningProgress): void {
    for (const listener of this.#listeners) listener(progress);
    if (progress.preview) guarded("onPreview", this.#options.onPreview)?.(progress.preview);
  }

  async #unpaused(): Promise<void> {
    while (this.#paused && !this.#stopped && !this.signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    throwIfAborted(this.signal);
  }

  readonly #aborted = (): void => {
    this.#abort.abort(this.#signals.find(({ aborted }) => aborted)?.reason);
    this.#wake?.();
  };
}

/** Patches of a step, and pixels of all of them, that a browser's memory holds the gradients of. */
const LARGEST = { batch: 256, patch: 1024, pixels: 2 ** 20 };
/** Side of a patch where none is given, about. */
const USUAL_PATCH = 64;

function checkBatch(batch = 1, patch = USUAL_PATCH): void {
  if (batch > LARGEST.batch || patch > LARGEST.patch) {
    const message = `batch is ${batch} and patch ${patch}; the largest are ${LARGEST.batch} and ${LARGEST.patch}.`;
    throw new UnnoiseError("option", message);
  }
  if (batch * patch * patch <= LARGEST.pixels) return;
  const message = `${batch} patches of ${patch}x${patch} pixels are too many for a browser's memory; 256 of 64x64 are the most.`;
  throw new UnnoiseError("option", message);
}

function noiseOf({ noise }: FineTuneOptions): string | undefined {
  if (noise === undefined || typeof noise === "string") return noise;
  if (typeof noise.json === "string") return noise.json;
  throw new UnnoiseError("option", "noise is what noiseModel gives, or its json.");
}

/**
 * What the worker is told of the options.
 *
 * @throws `UnnoiseError` `option`
 */
export function trainingOptions(options: FineTuneOptions): TrainingOptions {
  const { objective, steps, budget: seconds, seed, learningRate, batch, patch } = options;
  const shots = options.shots ?? objective === "noise2noise";
  checkBatch(batch, patch);
  for (const [name, value] of Object.entries({ steps, seed, batch, patch })) {
    if (value === undefined || (Number.isInteger(value) && value >= 0 && value < 2 ** 32)) continue;
    throw new UnnoiseError("option", `${name} is ${value}; it is a whole number from 0 to 2^32 - 1.`);
  }
  return { objective, steps, seconds, seed, learningRate, batch, patch, shots, noise: noiseOf(options) };
}
