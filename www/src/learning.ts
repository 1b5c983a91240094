import type { FineTuned, FineTuning, Stack, StackPage } from "unnoise";
import * as format from "./format";
import type { LearnPanel } from "./learn-panel";
import type { Networks } from "./networks";
import { FROM_NOISE } from "./objectives";
import type { Best } from "./saved";
import type { Stage } from "./stage";

/** Side of the part of the photo that is shown while the network learns, pixels of the result. */
const PREVIEW_SIDE = 192;
/** Steps of a network that starts from random weights: more than time allows, so that time is what ends it. */
const ENDLESS = 100_000;

/** Shots of one scene that are learned from, at most: all of them are held in memory. */
const MAX_SHOTS = 8;

/** The photo that is learned from. */
interface Subject {
  readonly file: Blob;
  readonly name: string;
  /** Page of a stack, from 0. */
  readonly page: number;
  /** All photos of the scene, this one first, where there are several. */
  readonly shots?: readonly Blob[] | undefined;
}

/** The pages around one of a stack, that one first. */
function shotsAround(stack: Stack, page: number): StackPage[] {
  const distance = (index: number) => Math.abs(index - page);
  const all = Array.from({ length: stack.pages }, (_, index) => index);
  const nearest = all.sort((a, b) => distance(a) - distance(b));
  return nearest.slice(0, MAX_SHOTS).map((index) => stack.page(index));
}

/** Tunes networks to photos, and shows how that goes. */
export class Learning {
  readonly #stage: Stage;
  readonly #panel: LearnPanel;
  readonly #networks: Networks;
  #tuning: FineTuning | undefined;

  constructor(stage: Stage, panel: LearnPanel, networks: Networks) {
    this.#stage = stage;
    this.#panel = panel;
    this.#networks = networks;
  }

  /**
   * Tunes the network in use, as the panel says; from random weights where it has no others. Tells whether it is better now,
   * and on the way whenever one was found that is better than all before.
   *
   * @param noise a model of noise, as JSON, to be learned instead of that of the photo
   */
  async run(
    photo: Subject,
    signal: AbortSignal,
    onBest: (best: Best) => void,
    noise?: string,
  ): Promise<boolean> {
    const scratch = this.#networks.waiting !== undefined;
    await this.#networks.startRandom();
    const { engines, card } = this.#networks;
    const denoiser = await engines.get();
    signal.throwIfAborted();
    const before = engines.choice;
    const { takesShots } = this.#panel;
    const shots = takesShots ? photo.shots?.slice(0, MAX_SHOTS) : undefined;
    const stack = takesShots && !shots ? await denoiser.openStack(photo.file, { signal }) : undefined;
    const name = format.weightsName(photo.name, card.id);
    this.#stage.startResult(card.scale);
    this.#tuning = denoiser.fineTune(shots ?? (stack ? shotsAround(stack, photo.page) : photo.file), {
      page: photo.page,
      objective: noise === undefined ? this.#panel.objective : FROM_NOISE,
      noise,
      budget: this.#panel.budget,
      steps: scratch ? ENDLESS : undefined,
      signal,
      // What one looks at: it may have moved since the last time.
      preview: () => this.#stage.visibleArea(Math.floor(PREVIEW_SIDE / card.scale)),
      onPreview: (tile) => void this.#stage.paint(tile),
      onProgress: (progress) => {
        this.#panel.showProgress(progress);
      },
      onBest: ({ step, weights }) => {
        onBest({ model: card.id, step, weights: new File([weights], name) });
      },
    });
    const tuned = await this.#outcome(this.#tuning, stack);
    this.#panel.showOutcome(tuned, scratch);
    if (tuned.kept) this.#networks.tuned(new File([await denoiser.exportWeights()], name), before);
    else if (tuned.learned) this.#networks.learned(new File([tuned.learned], name));
    return tuned.kept;
  }

  /** Ends a run early, and keeps what was best so far. */
  stop(): void {
    this.#tuning?.stop();
  }

  async #outcome(tuning: FineTuning, stack: Stack | undefined): Promise<FineTuned> {
    try {
      return await tuning;
    } finally {
      this.#tuning = undefined;
      stack?.dispose();
    }
  }
}
