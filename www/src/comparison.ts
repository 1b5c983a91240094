import type { DenoiseResult } from "unnoise";
import { discard } from "./dom";
import { History } from "./history";
import { WHOLE, type Mix } from "./mix/mixing";
import { Mixer } from "./mix/mixer";
import type { ResultPanel } from "./result-panel";
import type { Kept, Made, Results } from "./results";
import type { Stage } from "./stage";
import { text } from "./strings";

/** What can be gone back to: a result, and how it is mixed. */
interface State {
  readonly number: number;
  readonly mix: Mix;
}

/** What a comparison is made of. */
interface Parts {
  readonly stage: Stage;
  readonly panel: ResultPanel;
  readonly results: Results;
  /** Decodes the photo anew. */
  readonly original: () => Promise<ImageData>;
  /** Is told of every result that is shown, and how it is mixed. */
  readonly onShow: (result: DenoiseResult, mix: Mix) => void;
}

/** The results of a photo on the stage: which one is shown, how it is mixed, and what it is compared with. */
export class Comparison {
  readonly #stage: Stage;
  readonly #panel: ResultPanel;
  readonly #results: Results;
  readonly #mixer: Mixer;
  readonly #original: () => Promise<ImageData>;
  readonly #onShow: Parts["onShow"];
  readonly #history = new History<State>();
  /** The result that is on screen: none while something runs, another than the present one while that is on its way. */
  #shown: Kept | undefined;
  /** The result on the left; none is the photo itself. */
  #against: Kept | undefined;

  constructor({ stage, panel, results, original, onShow }: Parts) {
    this.#stage = stage;
    this.#panel = panel;
    this.#results = results;
    this.#original = original;
    this.#onShow = onShow;
    this.#mixer = new Mixer((strip) => void stage.paint({ x: 0, ...strip }));
  }

  /** The result on screen. */
  get selected(): Kept | undefined {
    return this.#results.find(this.#history.present?.number);
  }

  /** Whether there is a result of that number beside the one on screen. */
  has(number: number | undefined): boolean {
    return this.#results.find(number) !== undefined && number !== this.selected?.number;
  }

  /** How it is mixed. */
  get mix(): Mix {
    return this.#history.present?.mix ?? WHOLE;
  }

  /** Takes a result that has just been painted, and compares the photo with it. */
  async take(made: Made): Promise<void> {
    const kept = await this.#results.add(made);
    this.#history.keep(({ number }) => this.#results.find(number) !== undefined);
    this.#history.push({ number: kept.number, mix: WHOLE });
    this.#shown = kept;
    this.#mixer.take(kept.result);
    this.#showPanel();
    this.#stage.compare();
  }

  /** Shows another one of the results, as it was mixed last. */
  async select(number: number): Promise<void> {
    if (!this.#shown) return;
    if (number === this.#against?.number) await this.compareWith(undefined);
    const mix = this.#history.findLast((state) => state.number === number)?.mix ?? WHOLE;
    this.#history.push({ number, mix });
    await this.#show();
  }

  /** Mixes the result on screen otherwise; `done` when that is to be something to go back to. */
  setMix(mix: Mix, done: boolean): void {
    const shown = this.#shown;
    if (!shown) return;
    if (done) {
      this.#history.push({ number: shown.number, mix });
      this.#showPanel();
    }
    this.#onShow(shown.result, mix);
    void this.#mixer.show(mix, this.#stage.middleRow);
  }

  /** Goes one step back. */
  async undo(): Promise<void> {
    if (!this.#shown) return;
    this.#history.undo();
    await this.#show();
  }

  /** Goes one step forward. */
  async redo(): Promise<void> {
    if (!this.#shown) return;
    this.#history.redo();
    await this.#show();
  }

  /** Compares with another result, or with the photo. */
  async compareWith(number: number | undefined): Promise<void> {
    const against = this.#results.find(number);
    this.#against = against;
    const image = await (against?.result.imageData() ?? this.#original());
    if (against !== this.#against) return;
    const name = against ? text.result.number(against.number) : text.stage.original;
    await this.#stage.compareWith(image, name);
    discard(image);
    this.#showPanel();
  }

  /** A run begins: the photo itself is on the left again, and results have to wait. */
  async begin(): Promise<void> {
    this.#shown = undefined;
    this.#mixer.take(undefined);
    if (this.#against) await this.compareWith(undefined);
    this.#panel.hide();
  }

  /** Shows again what was there before a run that came to nothing. */
  async restore(): Promise<void> {
    if (this.selected) await this.#show();
    else this.#stage.dropResult();
  }

  /** There is no result any more. */
  async clear(): Promise<void> {
    this.#shown = undefined;
    this.#against = undefined;
    this.#mixer.take(undefined);
    this.#stage.nameBefore(text.stage.original);
    await this.#results.clear();
    this.#history.keep(() => false);
    this.#panel.hide();
  }

  async #show(): Promise<void> {
    const { selected, mix } = this;
    this.#showPanel();
    if (!selected) return;
    if (selected !== this.#shown) {
      this.#shown = selected;
      this.#mixer.take(selected.result);
      const image = await selected.result.imageData();
      if (selected !== this.#shown) return;
      await this.#stage.fillResult(image, selected.result.scale);
      discard(image);
    }
    await this.#mixer.show(mix, this.#stage.middleRow);
  }

  #showPanel(): void {
    const { selected, mix } = this;
    if (!selected) return;
    this.#onShow(selected.result, mix);
    this.#panel.show(selected, mix);
    this.#panel.showResults(this.#results.all, selected, this.#against);
    this.#panel.showHistory(this.#history.canUndo, this.#history.canRedo);
  }
}
