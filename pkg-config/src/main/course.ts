/** How far a run of fine-tuning has come, outside of the worker that learns: to go on where that is lost. */
import type { LearningProgress, TrainingOptions } from "../shared/contract.js";
import type { Device } from "../shared/types.js";
import type { Death } from "./link.js";

/** How many engines a run may lose and still go on; of GPUs one more, as the CPU comes after the second. */
const LIVES = 1;
/** What batches are taken to be where the caller did not say; and the smallest patches that are worth learning from. */
const USUAL = { batch: 4, patch: 64, leastPatch: 16 };

/** What earlier engines have done that still counts. */
interface Past {
  readonly steps: number;
  readonly seconds: number;
  readonly scores: LearningProgress["scores"];
  readonly simulated: LearningProgress["simulated"];
}

/** The best network so far. */
interface Best {
  readonly step: number;
  readonly weights: Uint8Array<ArrayBuffer>;
}

/** A run of fine-tuning, across the engines that it takes. */
export class Course {
  /** The best network so far, if any is better than the one before training. */
  best: Best | undefined;
  /** The run is at its end: only what is best is yet to be taken. */
  isEnding = false;
  #options: TrainingOptions;
  #last: LearningProgress | undefined;
  #past: Past = { steps: 0, seconds: 0, scores: [], simulated: [] };
  /** Steps in all. */
  #steps: number | undefined;
  readonly #notes: string[] = [];
  #lost = 0;
  /** What is yet to be noted when the next engine has begun. */
  #loss: string | undefined;
  #reason: string | undefined;

  constructor(options: TrainingOptions) {
    this.#options = options;
    this.#steps = options.steps;
  }

  /** What an engine is to do from now on. */
  get options(): TrainingOptions {
    const { steps, seconds } = this.#past;
    const { seconds: budget } = this.#options;
    return {
      ...this.#options,
      // By default it depends on the weights, which are others by now.
      objective: this.#last?.objective ?? this.#options.objective,
      ...(this.#steps === undefined ? {} : { steps: this.#steps - steps }),
      ...(budget === undefined ? {} : { seconds: budget - seconds }),
    };
  }

  /** Whether nothing is left to be learned. */
  get isOver(): boolean {
    const { steps = 1, seconds = 1 } = this.options;
    return this.isEnding || steps <= 0 || seconds <= 0;
  }

  /** How far the run is. */
  get last(): LearningProgress {
    if (!this.#last) throw new Error("the run has not begun");
    return this.#last;
  }

  /** What is to be known of the result. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Why the run went on in another engine, once, for the first report after that. */
  takeReason(): string | undefined {
    const reason = this.#reason;
    this.#reason = undefined;
    return reason;
  }

  /** An engine on this device goes on. */
  enter(device: Device): void {
    if (this.#loss !== undefined) {
      const from = this.best ? `step ${this.best.step}` : "the beginning";
      const note = `${this.#loss}: ${device} went on from ${from}`;
      if (!this.#notes.includes(note)) this.#notes.push(note);
    }
    this.#loss = undefined;
  }

  /** Takes down how far the engine is; gives how far the run is. */
  take(progress: LearningProgress): LearningProgress {
    // The first report is of the whole run.
    this.#steps ??= progress.steps;
    const { steps, seconds, scores, simulated } = this.#past;
    // What it began with has a score already.
    const more = (own: LearningProgress["scores"]) =>
      own.filter(([step]) => step > 0 || steps === 0).map(([step, score]) => [steps + step, score] as const);
    const bestStep = progress.bestStep > 0 ? steps + progress.bestStep : (this.best?.step ?? 0);
    this.#last = {
      ...progress,
      step: steps + progress.step,
      steps: steps + progress.steps,
      seconds: seconds + progress.seconds,
      scores: [...scores, ...more(progress.scores)],
      simulated: [...simulated, ...more(progress.simulated)],
      bestStep,
    };
    return this.#last;
  }

  /**
   * An engine is lost, in a way. Tells whether another one can go on, or take what is best. Where memory is short, with
   * smaller batches.
   */
  resume(death: Death | undefined, reason: string): boolean {
    if (!death || death === "script") return false;
    const lighter = death === "memory" ? smaller(this.#options) : undefined;
    if (death === "memory" && !lighter) return false;
    // The photo's own doing: it would only come again.
    if (death === "trap" && !this.#last) return false;
    if (!lighter && ++this.#lost > (death === "gpu" ? LIVES + 1 : LIVES)) return false;
    const { best } = this;
    const { scores = [], simulated = [], seconds = 0 } = this.#last ?? {};
    const kept = (all: LearningProgress["scores"]) => all.filter(([step]) => best && step <= best.step);
    this.#past = { steps: best?.step ?? 0, seconds, scores: kept(scores), simulated: kept(simulated) };
    if (this.isOver && !best) return false;
    if (this.#notes.length === 0 && this.#loss === undefined) this.#reason = reason;
    this.#options = lighter ?? this.#options;
    this.#loss = lighter
      ? `memory was short, so batches are smaller`
      : `the ${death === "gpu" ? "GPU" : "worker"} was lost on the way`;
    return true;
  }
}

/** Options that take less memory: fewer patches in a step, then smaller ones; nothing where they are as small as can be. */
function smaller(options: TrainingOptions): TrainingOptions | undefined {
  const { batch = USUAL.batch, patch = USUAL.patch } = options;
  if (batch > 1) return { ...options, batch: Math.floor(batch / 2) };
  if (patch < 2 * USUAL.leastPatch) return undefined;
  return { ...options, batch, patch: Math.floor(patch / 2) };
}
