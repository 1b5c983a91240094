import type { Denoiser, FineTuned, FineTuning } from "unnoise";
import type { LearnPanel } from "./learn-panel";
import type { Stage } from "./stage";

/** Side of the part of the photo that is shown while the network learns, pixels of the result. */
const PREVIEW_SIDE = 192;
/** Steps of a network that starts from random weights: more than time allows, so that time is what ends it. */
const ENDLESS = 100_000;

/** What a network is to learn from, and from which weights on. */
interface Lesson {
  readonly photo: Blob;
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
