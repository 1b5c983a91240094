import type { Denoiser, FineTuned, FineTuning, ImageInput, Stack, StackPage } from "unnoise";
import type { LearnPanel } from "./learn-panel";
import type { Stage } from "./stage";

/** Side of the part of the photo that is shown while the network learns, pixels of the result. */
const PREVIEW_SIDE = 192;
/** Steps of a network that starts from random weights: more than time allows, so that time is what ends it. */
const ENDLESS = 100_000;

/** Pages of one scene that are learned from, at most: all of them are held in memory. */
const MAX_SHOTS = 8;

/** The pages around one of a stack, that one first. */
export function shotsAround(stack: Stack, page: number): StackPage[] {
  const distance = (index: number) => Math.abs(index - page);
  const all = Array.from({ length: stack.pages }, (_, index) => index);
  const nearest = all.sort((a, b) => distance(a) - distance(b));
  return nearest.slice(0, MAX_SHOTS).map((index) => stack.page(index));
}

/** What a network is to learn from, and from which weights on. */
interface Lesson {
  /** The photo, or shots of one scene. */
  readonly photo: ImageInput | readonly ImageInput[];
  /** Page of a stack, from 0. */
  readonly page: number;
  /** Pixels of the result per photo pixel, per side. */
  readonly scale: number;
  /** Whether the weights are random. */
  readonly random: boolean;
  readonly signal: AbortSignal;
}

/** Has networks learn, and shows how they do. */
export class Learning {
  readonly #stage: Stage;
  readonly #panel: LearnPanel;
  #tuning: FineTuning | undefined;

  constructor(stage: Stage, panel: LearnPanel) {
    this.#stage = stage;
    this.#panel = panel;
  }

  /** Fine-tunes the network of `denoiser`, as the panel says. */
  async run(denoiser: Denoiser, { photo, page, scale, random, signal }: Lesson): Promise<FineTuned> {
    this.#stage.startResult(scale);
    this.#tuning = denoiser.fineTune(photo, {
      page,
      objective: this.#panel.objective,
      budget: this.#panel.budget,
      steps: random ? ENDLESS : undefined,
      signal,
      // What one looks at: it may have moved since the last time.
      preview: () => this.#stage.visibleArea(Math.floor(PREVIEW_SIDE / scale)),
      onPreview: (tile) => void this.#stage.paint(tile),
      onProgress: (progress) => {
        this.#panel.showProgress(progress);
      },
    });
    try {
      const tuned = await this.#tuning;
      this.#panel.showOutcome(tuned, random);
      return tuned;
    } finally {
      this.#tuning = undefined;
    }
  }

  /** Ends a run early, and keeps what was best so far. */
  stop(): void {
    this.#tuning?.stop();
  }
}
