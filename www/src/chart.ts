import type { TuningProgress } from "unnoise";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** CSS pixels. */
const HEIGHT = 130;
/** Between two drawings, milliseconds: more often nobody sees. */
const DRAW_EVERY = 200;

/** The curves of a run of fine-tuning: the loss, and the score on parts of the photo that are not learned from. */
export class Chart {
  readonly #element: HTMLElement;
  readonly #keys: { readonly loss: Element; readonly score: Element };
  readonly #losses = new Map<number, number>();
  #scores = new Map<number, number>();
  #stage = 0;
  #plot: UPlot | undefined;
  #drawn = 0;

  /** @param keys elements of the legend, whose colours (`--key`) the curves have */
  constructor(element: HTMLElement, keys: { loss: Element; score: Element }) {
    this.#element = element;
    this.#keys = keys;
    const redraw = () => this.#plot?.redraw(false);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
  }

  /** Begins a new run. */
  clear(): void {
    this.#losses.clear();
    this.#scores.clear();
    this.#stage = 0;
    this.#drawn = 0;
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** Takes up what is new, and draws it in time. */
  show({ stage, step, loss, scores, restart }: TuningProgress): void {
    // Each stage has a loss of its own, and counts its steps from 0; a new engine goes back to the best network so far.
    if (stage !== this.#stage || restart !== undefined) this.#losses.clear();
    this.#stage = stage;
    if (loss !== null && step > 0) this.#losses.set(step, loss);
    this.#scores = new Map(scores);
    if (performance.now() >= this.#drawn + DRAW_EVERY) this.draw();
  }

  /** Draws all there is. */
  draw(): void {
    this.#drawn = performance.now();
    const steps = [...new Set([...this.#losses.keys(), ...this.#scores.keys()])].sort((a, b) => a - b);
    const data: UPlot.AlignedData = [
      steps,
      steps.map((step) => this.#losses.get(step) ?? null),
      steps.map((step) => this.#scores.get(step) ?? null),
    ];
    if (this.#plot) this.#plot.setData(data);
    else if (this.#element.clientWidth > 0) this.#plot = new UPlot(this.#options(), data, this.#element);
  }

  #size(): { width: number; height: number } {
    return { width: this.#element.clientWidth, height: HEIGHT };
  }

  #options(): UPlot.Options {
    const curve = (key: Element, scale: string): UPlot.Series => ({
      scale,
      stroke: () => colour(key),
      width: 2,
      spanGaps: true,
      points: { show: scale === "score", size: 5 },
    });
    // There is no half a step.
    const incrs = [1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power]);
    const stroke = () => getComputedStyle(this.#element).color;
    const axis = { incrs, stroke, grid: { show: false }, size: 26 };
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false } },
      series: [{}, curve(this.#keys.loss, "loss"), curve(this.#keys.score, "score")],
      // The two are of different kinds: what counts is which way they go.
      axes: [axis, { show: false, scale: "loss" }, { show: false, scale: "score" }],
    };
  }
}

/** The colour of a key of the legend, as a canvas understands it. */
function colour(key: Element): string {
  return getComputedStyle(key, "::before").backgroundColor;
}
