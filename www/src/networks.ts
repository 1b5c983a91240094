import { UnnoiseError, models, type DeviceChoice, type EngineInfo, type ModelCard } from "unnoise";
import type { AdvancedPanel } from "./advanced-panel";
import { Engines, type Choice } from "./engines";
import type { Panel } from "./panel";
import type { Purpose } from "./purposes";
import type { Best } from "./saved";
import { text } from "./strings";
import type { Tasks } from "./tasks";

/** Which network is used, with whose weights, and on what. */
export class Networks {
  readonly engines: Engines;
  readonly #tasks: Tasks;
  readonly #panel: Panel;
  readonly #advanced: AdvancedPanel;
  /** The network that was chosen and waits for a file of weights; the one before stays in use for reading photos. */
  #waiting: ModelCard | undefined;
  /** The last own weights of each network, by its id. */
  readonly #files = new Map<string, File>();
  /** The network from before the last tuning, to go back to. */
  #before: Choice | undefined;
  /** What was learned last, whether it is in use or not. */
  #learned: File | undefined;
  /** What `auto` is on the device in use, where that is known. */
  #auto: string | undefined;
  readonly #onChange: () => void;
  readonly #onForget: () => void;

  /**
   * @param onChange another network or device is in use
   * @param onForget the network from before the last tuning cannot be gone back to any more
   */
  constructor(
    tasks: Tasks,
    panel: Panel,
    advanced: AdvancedPanel,
    { onChange, onForget }: { onChange: () => void; onForget: () => void },
  ) {
    this.#tasks = tasks;
    this.#panel = panel;
    this.#advanced = advanced;
    this.#onChange = onChange;
    this.#onForget = onForget;
    this.engines = new Engines({ device: "auto", model: "auto" }, (progress) => {
      panel.showProgress(progress, 0);
    });
  }

  /** The network in use; before that is known, the usual one. */
  get card(): ModelCard {
    const { model } = this.engines.choice;
    return cardOf(model === "auto" ? undefined : model);
  }

  /** The id of what `auto` is on the device in use, where that is known. */
  get auto(): string | undefined {
    return this.#auto;
  }

  /** The network that waits for weights. */
  get waiting(): ModelCard | undefined {
    return this.#waiting;
  }

  /** Own or tuned weights in use. */
  get own(): File | undefined {
    const { weights } = this.engines.choice;
    return weights instanceof File ? weights : undefined;
  }

  /** The device that is asked for now. */
  get device(): DeviceChoice {
    return this.engines.choice.device ?? "auto";
  }

  /** Starts the engine. */
  async start(): Promise<EngineInfo> {
    const info = (await this.engines.get()).info();
    this.#auto = info.model;
    this.#advanced.showEngine(info);
    return info;
  }

  /** Takes up what was chosen on an earlier visit. */
  async restore(choice: {
    model: string | undefined;
    device: DeviceChoice;
    weights: File | undefined;
  }): Promise<void> {
    await this.#tasks.attempt("starting", async () => {
      const card = cardOf(choice.model);
      const isUntrained = !card.weights && !choice.weights;
      await this.#use(isUntrained ? { device: choice.device } : choice);
      if (isUntrained) this.#waiting = card;
      if (choice.weights) this.#files.set(this.card.id, choice.weights);
    });
    this.#advanced.device.value = this.device;
    this.#onChange();
  }

  /** Switches the device. When that fails, all stays as it was. */
  async chooseDevice(device: DeviceChoice): Promise<void> {
    this.#auto = undefined;
    const chosen = await this.#tasks.attempt("starting", () => this.#switch({ device }));
    if (!chosen) this.#advanced.device.value = this.device;
    this.#onChange();
  }

  /** Takes what is best for a kind of photo. */
  async choosePurpose({ model, adapt }: Purpose): Promise<void> {
    this.#forgetTuning();
    this.#advanced.adapt = adapt;
    const wanted = model === "auto" ? this.#auto : model;
    const inUse = wanted === this.card.id && !this.own && this.engines.choice.preset === undefined;
    const use = () => this.#use({ model, weights: undefined });
    if (inUse || (await this.#tasks.attempt("starting", use))) this.#waiting = undefined;
    this.#onChange();
  }

  /** Switches the network, or asks for its weights where none ship and none were given before. */
  async chooseModel(id: string): Promise<void> {
    this.#forgetTuning();
    const card = cardOf(id);
    const weights = card.weights ? undefined : this.#files.get(id);
    if (!card.weights && !weights) {
      this.#panel.clearAlert();
      this.#panel.setStatus("");
      this.#waiting = card;
    } else if (await this.#tasks.attempt("starting", () => this.#use({ model: id, weights }))) {
      this.#waiting = undefined;
    }
    this.#onChange();
  }

  /** Takes weights of one's own, and the network that they are of. When they are of none, all stays as it was. */
  async useWeights(file: File): Promise<void> {
    if (this.#tasks.activity !== "idle") {
      this.#panel.alert(text.advanced.weightsBusy(file.name));
      return;
    }
    this.#forgetTuning();
    await this.#tasks.attempt("starting", async () => {
      const waiting = this.#waiting?.id;
      // Networks with the same arrays are recognised as one of them: the one that was chosen goes first.
      await this.#use({ model: waiting, weights: file }).catch((thrown: unknown) => {
        if (!waiting || UnnoiseError.from(thrown).code !== "weights") throw thrown;
        return this.#use({ model: undefined, weights: file });
      });
      this.#waiting = undefined;
      this.#files.set(this.card.id, file);
    });
    this.#onChange();
  }

  /** Goes back to the weights that ship with the network. */
  async useShipped(): Promise<void> {
    this.#forgetTuning();
    await this.#tasks.attempt("starting", () => this.#use({ weights: undefined }));
    this.#onChange();
  }

  /** Starts the network that waits for weights with random ones, to be trained from scratch. */
  async startRandom(): Promise<void> {
    if (this.#waiting) await this.#switch({ model: this.#waiting.id, weights: undefined, preset: "small" });
  }

  /** Notes that the network in use has been tuned, and is to be gone back from to `before`. */
  tuned(weights: File, before: Choice): void {
    this.engines.tuned(weights);
    this.#learned = weights;
    this.#files.set(this.card.id, weights);
    this.#before = before;
    this.#waiting = undefined;
  }

  /** Notes what the network in use has learned, though it goes on as it was. */
  learned(weights: File): void {
    this.#learned = weights;
  }

  /** Uses what was learned last, because somebody likes it better. */
  async useLearned(): Promise<boolean> {
    const weights = this.#learned;
    if (!weights) return false;
    return this.#useTuned({ model: this.card.id, weights }, this.engines.choice);
  }

  /** Takes the network that a tuning had found which did not come to its end. When it does not start, all stays as it was. */
  async useFound({ model, weights }: Best): Promise<boolean> {
    const { choice } = this.engines;
    const untrained = { ...choice, model, weights: undefined, preset: "small" };
    const before = this.#waiting?.id === model ? untrained : choice;
    return this.#useTuned({ model, weights }, before);
  }

  async #useTuned(tuned: Pick<Best, "model" | "weights">, before: Choice): Promise<boolean> {
    const used = await this.#tasks.attempt("starting", () => this.#use(tuned));
    if (used) this.tuned(tuned.weights, before);
    this.#onChange();
    return used;
  }

  /** Goes back to the network from before the last tuning. */
  async revert(): Promise<boolean> {
    const before = this.#before;
    if (!before) return false;
    const { model, weights, preset } = before;
    const reverted = await this.#tasks.attempt("starting", () => this.#switch({ model, weights, preset }));
    if (!reverted) return false;
    this.#before = undefined;
    if (preset !== undefined) {
      this.#files.delete(this.card.id);
      this.#waiting = this.card;
    }
    this.#onChange();
    return true;
  }

  /** The network from before the last tuning is history: another one was chosen. */
  #forgetTuning(): void {
    this.#before = undefined;
    this.#learned = undefined;
    this.#onForget();
  }

  /** Switches to weights that are not random. */
  #use(change: Choice): Promise<void> {
    return this.#switch({ ...change, preset: undefined });
  }

  async #switch(change: Choice): Promise<void> {
    const denoiser = await this.engines.choose({ ...this.engines.choice, ...change });
    this.#advanced.showEngine(denoiser.info());
    this.#panel.setStatus("");
  }
}

/** The card of a network, or of the default one. */
export function cardOf(id: string | undefined): ModelCard {
  const card = models().find((one) => (id === undefined ? one.default : one.id === id));
  if (!card) throw new Error(`There is no model ${id ?? "by default"}.`);
  return card;
}
