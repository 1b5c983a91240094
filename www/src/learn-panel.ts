import { objectives, type FineTuned, type ModelCard, type TuningProgress } from "unnoise";
import { Chart } from "./chart";
import { byId } from "./dom";
import * as format from "./format";
import type { Activity } from "./panel";

/** The controls of fine-tuning. Knows how to show things; what to do about them is the app's. */
export class LearnPanel {
  readonly start = byId("learn-start", HTMLButtonElement);
  readonly stop = byId("learn-stop", HTMLButtonElement);
  readonly cancel = byId("learn-cancel", HTMLButtonElement);
  readonly revert = byId("learn-revert", HTMLButtonElement);
  readonly download = byId("learn-download", HTMLButtonElement);
  readonly #objective = byId("objective", HTMLSelectElement);
  readonly #budget = byId("budget", HTMLSelectElement);
  readonly #run = byId("learn-run", HTMLElement);
  readonly #progress = byId("learn-progress", HTMLProgressElement);
  readonly #facts = byId("learn-facts", HTMLElement);
  readonly #status = byId("learn-status", HTMLElement);
  readonly #curves = byId("learn-curves", HTMLElement);
  readonly #picture = byId("learn-chart", HTMLElement);
  readonly #outcome = byId("learn-outcome", HTMLElement);
  readonly #chart: Chart;
  /** What the objectives are for. */
  #offered = "";
  #card: ModelCard | undefined;
  #random = false;
  /** Pages of the file on screen. */
  #pages = 1;
  /** When the stage under way began, seconds since the start. */
  #stage = { number: 0, began: 0 };
  /** What the photo's noise was found to be like. */
  #found: string | undefined;

  constructor() {
    const key = (name: string) => byId("learn-curves", HTMLElement).getElementsByClassName(name)[0];
    const [loss, score] = [key("key-loss"), key("key-score")];
    if (!loss || !score) throw new Error("The chart has no legend.");
    this.#chart = new Chart(this.#picture, { loss, score });
    this.#objective.addEventListener("change", () => {
      this.#showObjective();
    });
  }

  /** What the network is to learn by. */
  get objective(): string {
    return this.#objective.value;
  }

  /** How long it may learn, seconds. */
  get budget(): number {
    return Number(this.#budget.value);
  }

  /** Whether the objective learns from several pages of one scene. */
  get takesPages(): boolean {
    return this.#objective.selectedOptions[0]?.dataset.pages !== undefined;
  }

  /** Offers what suits a network, whose weights are random or not. */
  showModel(card: ModelCard, random: boolean): void {
    this.#card = card;
    this.#random = random;
    this.#offer();
  }

  /** Offers what suits a file of so many pages. */
  showPages(pages: number): void {
    this.#pages = pages;
    this.#offer();
  }

  /** Enables what makes sense now. */
  setActivity(activity: Activity): void {
    const learning = activity === "learning";
    const within = learning
      ? document.activeElement === this.start
      : this.#run.contains(document.activeElement);
    for (const control of [this.#objective, this.#budget, this.revert])
      control.disabled = activity !== "idle";
    // It has the focus when learning ends, and a disabled button would lose it.
    this.start.ariaDisabled = String(activity !== "idle");
    this.start.hidden = learning;
    this.#run.hidden = !learning;
    if (within) (learning ? this.stop : this.start).focus();
  }

  /** Clears what was shown of the run before. */
  begin(): void {
    this.#stage = { number: 0, began: 0 };
    this.#chart.clear();
    this.#outcome.hidden = true;
    this.#curves.hidden = false;
    this.#progress.removeAttribute("value");
    this.#facts.textContent = "";
    this.#found = undefined;
    this.#say("Learning has begun.");
  }

  /** Shows how far a run is. */
  showProgress(progress: TuningProgress): void {
    const { phase, stage, stages, done, step, seconds } = progress;
    if (stage !== this.#stage.number) this.#stage = { number: stage, began: seconds };
    if (stages > 0) this.#progress.value = (stage + done) / stages;
    const what = phase === "looking" ? "Denoising the photo first" : format.steps(step);
    this.#facts.textContent = `${what} · ${format.seconds(seconds)} · ${this.#left(progress)}`;
    if (progress.noise !== null && progress.noise !== this.#found) {
      this.#found = progress.noise;
      this.#say(`Found: ${progress.noise}. The network learns to take that off.`);
    }
    this.#chart.show(progress);
  }

  /** Shows what came of a run. */
  showOutcome({ kept, bestStep, steps, scores, seconds }: FineTuned, random: boolean): void {
    const time = `${format.steps(steps)} in ${format.seconds(seconds)}`;
    const verdict = kept
      ? `Better after ${format.steps(bestStep)}; kept.`
      : random
        ? "Not better than random weights: nothing is kept."
        : "Not clearly better: the network from before stays.";
    this.#say(`${verdict} (${time})`);
    this.#outcome.hidden = !kept;
    this.#chart.draw();
    const [first, last] = [scores[0]?.[1], scores.at(-1)?.[1]];
    const fell = first !== undefined && last !== undefined && last < first;
    const judged = `${scores.length} judgements`;
    this.#picture.ariaLabel = `Curves of loss and score: ${judged}, the score ${fell ? "fell" : "did not fall"}`;
  }

  /** A run was given up: nothing is left of it. */
  showNothing(message: string): void {
    this.#curves.hidden = true;
    this.#outcome.hidden = true;
    this.#say(message);
  }

  #offer(): void {
    const [card, random, several] = [this.#card, this.#random, this.#pages > 1];
    // What was chosen stays chosen.
    const offered = `${card?.id} ${random} ${several}`;
    if (!card || offered === this.#offered) return;
    this.#offered = offered;
    const before = this.#objective.value;
    const byDefault = random ? card.defaultObjectives.random : card.defaultObjectives.trained;
    const suiting = objectives(card.id).filter(({ shots, clean }) => (shots === 1 || several) && !clean);
    const options = suiting.map(({ id, title, shots }) => {
      const chosen = id === byDefault;
      const detail = shots > 1 ? " (pages of one scene)" : chosen ? " (recommended)" : "";
      const option = new Option(`${title}${detail}`, id, chosen, chosen);
      if (shots > 1) option.dataset.pages = "";
      return option;
    });
    this.#objective.replaceChildren(...options);
    if (this.#pages > 1 && suiting.some(({ id }) => id === before)) this.#objective.value = before;
    this.#showObjective();
    this.start.textContent = random ? "Learn from scratch" : "Learn";
    const about = random
      ? `A small ${card.title} with random weights learns from this photo alone, on this machine.`
      : `${card.title} learns on from this photo alone, on this machine. If that makes it no better, it stays as it was.`;
    const offer = several
      ? ` This file has ${this.#pages} pages: if they are of one scene, let them teach by Noise2Noise.`
      : "";
    byId("learn-about", HTMLElement).textContent = about + offer;
  }

  #say(text: string): void {
    this.#status.textContent = text;
  }

  #left({ stage, stages, done, seconds }: TuningProgress): string {
    // The end of the last stage can be foreseen; before that, the budget is all there is.
    if (stage + 1 === stages && done > 0.05) {
      return `about ${format.seconds(((seconds - this.#stage.began) * (1 - done)) / done)} left`;
    }
    return `at most ${format.seconds(Math.max(0, this.budget - seconds))} left`;
  }

  #showObjective(): void {
    const card = objectives().find(({ id }) => id === this.#objective.value);
    byId("objective-about", HTMLElement).textContent = card?.summary ?? "";
  }
}
