import type { AdvancedPanel } from "./advanced-panel";
import * as format from "./format";
import type { Networks } from "./networks";
import type { Panel } from "./panel";
import type { ResultPanel } from "./result-panel";
import type { Stage } from "./stage";
import { text } from "./strings";
import { denoiseWhole, type Whole } from "./whole";

/** The stack that was denoised as a whole, while it is on screen. */
export class Stacks {
  readonly #stage: Stage;
  readonly #panel: Panel;
  readonly #result: ResultPanel;
  readonly #advanced: AdvancedPanel;
  readonly #networks: Networks;
  #whole: Whole | undefined;

  constructor(stage: Stage, panel: Panel, result: ResultPanel, advanced: AdvancedPanel, networks: Networks) {
    this.#stage = stage;
    this.#panel = panel;
    this.#result = result;
    this.#advanced = advanced;
    this.#networks = networks;
  }

  /** All of its pages, in a file. */
  get tiff(): Blob | undefined {
    return this.#whole?.tiff;
  }

  /** Forgets it, unless it was made from this file. */
  keep(file: Blob | undefined): void {
    if (this.#whole?.source !== file) this.#whole = undefined;
  }

  /** Shows what became of a page, if there is a stack. */
  async show(page: number): Promise<void> {
    if (!this.#whole) return;
    const { pages, scale } = this.#whole;
    this.#result.showWhole(pages.length);
    const denoised = pages[page];
    if (denoised) await this.#stage.showResult(denoised, scale);
  }

  /** Denoises all pages of a file; `onPage` hears which one is on screen, from 0. */
  async denoise(file: Blob, signal: AbortSignal, onPage: (page: number) => void): Promise<void> {
    const denoiser = await this.#networks.engines.get();
    signal.throwIfAborted();
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    const { scale } = this.#networks.card;
    this.#whole = await denoiseWhole(denoiser, file, this.#stage, {
      adapt: this.#advanced.adapt,
      signal,
      onPage: async (page, image) => {
        signal.throwIfAborted();
        onPage(page);
        this.#panel.showPage(page);
        await this.#stage.show(image);
        this.#stage.startResult(scale);
      },
      onProgress: (progress, page, pages) => {
        this.#panel.showPages(progress, page, pages, elapsed());
      },
    });
    const { length } = this.#whole.pages;
    this.#result.showWhole(length);
    this.#panel.setStatus(text.run.donePages(format.seconds(elapsed()), length));
    this.#stage.compare();
  }
}
