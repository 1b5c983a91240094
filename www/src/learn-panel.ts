import { objectives, type FineTuned, type ModelCard, type TuningProgress } from "unnoise";
import { Chart } from "./chart";
import { byId, say } from "./dom";
import * as format from "./format";
import { FROM_SHOTS } from "./objectives";
import type { Activity } from "./panel";
import { text } from "./strings";

const { tune } = text;

/** What may be chosen as the longest time, seconds, and what is chosen by default. */
const BUDGETS = [10, 30, 60, 180, 600];
const BUDGET = 60;

/** The controls of fine-tuning. Knows how to show things; what to do about them is the app's. */
export class LearnPanel {
  readonly start = byId("learn-start", HTMLButtonElement);
  readonly stop = byId("learn-stop", HTMLButtonElement);
  readonly cancel = byId("learn-cancel", HTMLButtonElement);
  readonly use = byId("learn-use", HTMLButtonElement);
  readonly useFound = byId("learn-use-found", HTMLButtonElement);
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
  /** Pages of the file on screen, and photos of its scene. */
  #pages = 1;
  #shots = 1;
  /** When the stage under way began, seconds since the start. */
  #stage = { number: 0, began: 0 };
  /** What the photo's noise was found to be like. */
  #found = false;

  constructor() {
    const key = (name: string) => byId("learn-curves", HTMLElement).getElementsByClassName(name)[0];
    const [loss, score] = [key("key-loss"), key("key-score")];
    if (!loss || !score) throw new Error("The chart has no legend.");
    this.#chart = new Chart(this.#picture, { loss, score });
    const time = (seconds: number) => (seconds < 60 ? tune.seconds(seconds) : tune.minutes(seconds / 60));
    this.#budget.append(
      ...BUDGETS.map((one) => new Option(time(one), String(one), one === BUDGET, one === BUDGET)),
    );
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

  /** Whether the objective learns from several shots of one scene. */
  get takesShots(): boolean {
    return this.#objective.selectedOptions[0]?.dataset.shots !== undefined;
  }

  /** Offers what suits a network, whose weights are random or not. */
  showModel(card: ModelCard, random: boolean): void {
    this.#card = card;
    this.#random = random;
    this.#offer();
  }

  /** Offers what suits a file of so many pages, or so many photos of one scene. */
  showShots(pages: number, shots: number): void {
    this.#pages = pages;
    this.#shots = shots;
    this.#offer();
  }

  /** Enables what makes sense now. */
  setActivity(activity: Activity): void {
    const learning = activity === "learning";
    const within = learning
      ? document.activeElement === this.start
      : this.#run.contains(document.activeElement);
    for (const control of [this.#objective, this.#budget, this.use, this.useFound, this.revert])
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
    this.#found = false;
    this.#say(tune.begun);
  }

  /** Shows how far a run is. */
  showProgress(progress: TuningProgress): void {
    const { phase, stage, stages, done, step, seconds, restart } = progress;
    if (stage !== this.#stage.number) this.#stage = { number: stage, began: seconds };
    if (stages > 0) this.#progress.value = (stage + done) / stages;
    const what = phase === "looking" ? tune.looking : tune.steps(step);
    this.#facts.textContent = `${what} · ${format.seconds(seconds)} · ${this.#left(progress)}`;
    if (restart !== undefined) this.#say(text.run.switching(restart));
    else if (progress.noise !== null && !this.#found) {
      this.#found = true;
      this.#say(tune.found(format.noiseSummary(progress.noise)));
    }
    this.#chart.show(progress);
  }

  /** Shows what came of a run. */
  showOutcome(tuned: FineTuned, random: boolean): void {
    const { kept, bestStep, steps, scores, seconds, learned, notes } = tuned;
    const verdict = kept ? tune.better(bestStep) : random ? tune.notBetterScratch : tune.notBetter;
    const facts = `${verdict} (${tune.steps(steps)}, ${format.seconds(seconds)})${format.change(tuned)}`;
    this.#say([facts, ...(notes.length > 0 ? [format.notes(notes)] : [])].join(" "));
    this.#offerChoice(kept ? "used" : learned ? "unused" : "none");
    this.#chart.draw();
    const [first, last] = [scores[0]?.[1], scores.at(-1)?.[1]];
    const fell = first !== undefined && last !== undefined && last < first;
    this.#picture.ariaLabel = tune.curvesOf(scores.length, fell);
  }

  /** Offers the network that a run had found after so many steps, when it did not come to its end; or offers none. */
  showFound(step: number | undefined): void {
    byId("learn-found", HTMLElement).hidden = step === undefined;
    if (step === undefined) return;
    byId("learn-found-about", HTMLElement).textContent = tune.interrupted(step);
  }

  /** That network is in use. */
  showUsed(step: number): void {
    this.#curves.hidden = true;
    this.#offerChoice("used");
    this.#say(tune.better(step));
  }

  /** A run was given up: nothing is left of it. */
  showNothing(message: string): void {
    this.#curves.hidden = true;
    this.#offerChoice("none");
    this.#say(message);
  }

  /** What was learned is used, or not, as one has chosen. */
  showChosen(used: boolean): void {
    this.#offerChoice(used ? "used" : "unused");
    this.#say(used ? tune.used : tune.reverted);
  }

  /** Offers to go back from what was learned, or to use it; whatever the estimate says. */
  #offerChoice(learned: "none" | "used" | "unused"): void {
    this.#outcome.hidden = learned === "none";
    this.use.hidden = learned === "used";
    this.revert.hidden = this.download.hidden = learned !== "used";
  }

  #offer(): void {
    const [card, random, pages, shots] = [this.#card, this.#random, this.#pages, this.#shots];
    const several = pages > 1 || shots > 1;
    // What was chosen stays chosen.
    const offered = `${card?.id} ${random} ${pages} ${shots}`;
    if (!card || offered === this.#offered) return;
    this.#offered = offered;
    const before = this.#objective.value;
    const usual = random ? card.defaultObjectives.random : card.defaultObjectives.trained;
    const byDefault = shots > 1 ? FROM_SHOTS : usual;
    const suiting = objectives(card.id).filter((one) => (one.shots === 1 || several) && !one.clean);
    const options = suiting.map(({ id, title, shots: needed }) => {
      const chosen = id === byDefault;
      const detail = needed > 1 ? tune.shotsOption : chosen ? tune.recommended : "";
      const option = new Option(`${title}${detail}`, id, chosen, chosen);
      if (needed > 1) option.dataset.shots = "";
      return option;
    });
    this.#objective.replaceChildren(...options);
    if (pages > 1 && suiting.some(({ id }) => id === before)) this.#objective.value = before;
    this.#showObjective();
    say(this.start, random ? tune.fromScratch : tune.start);
    const about = random ? tune.aboutScratch(card.title) : tune.about;
    const offer = shots > 1 ? tune.severalShots(shots) : several ? tune.severalPages(pages) : "";
    say(byId("learn-about", HTMLElement), about + offer);
  }

  #say(line: string): void {
    this.#status.textContent = line;
  }

  #left({ stage, stages, done, seconds }: TuningProgress): string {
    // The end of the last stage can be foreseen; before that, the budget is all there is.
    if (stage + 1 === stages && done > 0.05) {
      return tune.left(format.seconds(((seconds - this.#stage.began) * (1 - done)) / done));
    }
    return tune.atMost(format.seconds(Math.max(0, this.budget - seconds)));
  }

  #showObjective(): void {
    const card = objectives().find(({ id }) => id === this.#objective.value);
    byId("objective-about", HTMLElement).textContent = card?.summary ?? "";
  }
}
