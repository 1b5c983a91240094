import {
  UnnoiseError,
  cache,
  models,
  type AdaptMode,
  type Denoiser,
  type DenoiseOptions,
  type DenoiseResult,
  type DeviceChoice,
  type ModelCard,
} from "unnoise";
import { Engines, type Choice } from "./engines";
import * as format from "./format";
import type { LearnPanel } from "./learn-panel";
import { Learning, shotsAround } from "./learning";
import type { Activity, Panel } from "./panel";
import * as saved from "./saved";
import type { Stage } from "./stage";
import { denoiseWhole, type Whole } from "./whole";

/** The photo on screen, as the file it came from. */
interface Photo {
  readonly file: Blob;
  readonly name: string;
  /** Page of a stack, from 0. */
  readonly page: number;
}

/** What is said when something begins that takes a while. */
const BEGINNINGS = { starting: "Starting the engine…", running: "Preparing…", learning: "" };

/** What the page does. */
export class App {
  readonly #stage: Stage;
  readonly #panel: Panel;
  readonly #learnPanel: LearnPanel;
  readonly #learning: Learning;
  readonly #engines: Engines;
  #photo: Photo | undefined;
  /** The network that was chosen and waits for a file of weights; the one before stays in use for reading photos. */
  #waiting: ModelCard | undefined;
  /** The last own weights of each network, by its id. */
  readonly #files = new Map<string, File>();
  /** The network from before the last fine-tuning, to go back to. */
  #before: Choice | undefined;
  /** The stack that was denoised as a whole, while it is on screen. */
  #whole: Whole | undefined;
  #activity: Activity = "idle";
  #attempts = 0;
  #run: AbortController | undefined;
  /** Ends the opening of a photo. */
  #opening: AbortController | undefined;
  #runStart = 0;
  /** Whether the photo on screen is one's own, and not to be forgotten. */
  #keeps = false;
  /** Counts the photos that were asked for: a later one overtakes those that are still being read. */
  #opened = 0;

  constructor(stage: Stage, panel: Panel, learnPanel: LearnPanel) {
    this.#stage = stage;
    this.#panel = panel;
    this.#learnPanel = learnPanel;
    this.#learning = new Learning(stage, learnPanel);
    this.#engines = new Engines({ device: "auto" }, (progress) => {
      panel.showProgress(progress, 0);
    });
    this.#showModel();
  }

  /** Shows the sample, drawn by the browser so that it is there at once, then starts the engine. */
  async start(sample: string): Promise<void> {
    const file = await (await fetch(sample)).blob();
    const bitmap = await createImageBitmap(file);
    this.#photo = { file, name: "Sample photo", page: 0 };
    await this.#stage.show(bitmap);
    this.#panel.showPhoto("Sample photo", { ...sizeOf(bitmap), bitDepth: 8, pages: 1 }, 0);
    const before = await saved.load();
    await this.#attempt("starting", async () => {
      this.#panel.showEngine((await this.#engines.get()).info());
      this.#panel.setStatus("");
    });
    if (before) await this.#restore(before);
  }

  /** Keeps photo and settings in this browser, for a reload; not those of the sample. */
  async remember(): Promise<void> {
    const photo = this.#photo;
    if (!photo || !this.#keeps) return;
    const { model, device = "auto", weights } = this.#engines.choice;
    const kept = await saved.save({
      photo,
      model,
      device,
      adapt: this.#panel.adapt.value,
      weights: weights instanceof File ? await saved.sealed(weights) : undefined,
      learning: this.#activity === "learning",
    });
    this.#panel.showKept(kept);
  }

  /** Deletes all that the page keeps in this browser. */
  async forget(): Promise<void> {
    this.#keeps = false;
    await Promise.all([saved.clear(), cache.delete()]);
    this.#panel.showKept(false);
    this.#panel.setStatus("Nothing is kept any more.");
  }

  /** Opens a photo. When it cannot be read, the photo on screen stays, and a run goes on. */
  async open(file: File): Promise<void> {
    this.#panel.clearAlert();
    await this.#open({ file, name: file.name, page: 0 });
    if (this.#photo?.file !== file) return;
    this.#keeps = true;
    await this.remember();
  }

  /** Turns to another page of the stack on screen, from 0. */
  async turnTo(page: number): Promise<void> {
    this.#panel.clearAlert();
    if (this.#photo) await this.#open({ ...this.#photo, page });
  }

  async #open(photo: Photo): Promise<void> {
    const { file, name, page } = photo;
    const turn = ++this.#opened;
    const isLast = () => turn === this.#opened;
    if (!this.#run) this.#panel.setStatus(`Opening ${name}…`);
    try {
      const denoiser = await this.#engines.get();
      const opening = new AbortController();
      this.#opening = opening;
      const decoded = await denoiser.decode(file, { page, signal: opening.signal });
      if (!isLast()) return;
      this.#run?.abort();
      const whole = this.#whole?.source === file ? this.#whole : undefined;
      if (!whole) await this.#forgetResult();
      this.#photo = photo;
      this.#panel.setStatus(format.notes(decoded.notes));
      this.#panel.showPhoto(name, decoded, page);
      this.#learnPanel.showPages(decoded.pages);
      await this.#stage.show(decoded.image);
      const denoised = whole?.pages[page];
      if (whole && denoised) await this.#stage.showResult(denoised, whole.scale);
    } catch (thrown) {
      if (!this.#run) this.#panel.setStatus("");
      if (!isCancel(thrown)) this.#panel.alert(`${name} was not opened: ${sentence(thrown)}`);
    }
  }

  /** Denoises the photo on screen. */
  async denoise(adapt: AdaptMode): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run || this.#waiting) return;
    const run = new AbortController();
    this.#run = run;
    await this.#attempt("running", async () => {
      await this.#forgetResult();
      const denoiser = await this.#engines.get();
      run.signal.throwIfAborted();
      const result = await this.#pump(denoiser, photo, { adapt, signal: run.signal });
      this.#engines.keep(denoiser, result);
      const own = this.#engines.choice.weights !== undefined;
      this.#panel.showResult(
        result,
        own ? "" : format.advice(result.info.noise, this.#card, cardOf(undefined)),
      );
      this.#panel.showEngine(denoiser.info());
      this.#stage.compare();
    });
    this.#run = undefined;
  }

  /** Denoises all pages of the stack on screen, into one file. */
  async denoiseAll(adapt: AdaptMode): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run || this.#waiting) return;
    const run = new AbortController();
    this.#run = run;
    await this.#attempt("running", async () => {
      await this.#forgetResult();
      const denoiser = await this.#engines.get();
      run.signal.throwIfAborted();
      const start = performance.now();
      const elapsed = () => (performance.now() - start) / 1000;
      const { scale } = cardOf(denoiser.info().model);
      this.#whole = await denoiseWhole(denoiser, photo.file, this.#stage, {
        adapt,
        signal: run.signal,
        onPage: async (page, image) => {
          run.signal.throwIfAborted();
          this.#photo = { ...photo, page };
          this.#panel.showPage(page);
          await this.#stage.show(image);
          this.#stage.startResult(scale);
        },
        onProgress: (progress, page, pages) => {
          this.#panel.showPages(progress, page, pages, elapsed());
        },
      });
      this.#panel.showWhole(this.#whole.pages.length, elapsed());
      this.#panel.showEngine(denoiser.info());
      this.#stage.compare();
    });
    this.#run = undefined;
    // The page that one looked at, unless another photo came in between.
    if (this.#photo?.file !== photo.file) return;
    const status = this.#panel.status;
    await this.#open(photo);
    this.#panel.setStatus(status);
  }

  /** Fine-tunes the network on the photo on screen, then denoises the photo with what is kept. */
  async learn(): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run) return;
    const run = new AbortController();
    this.#run = run;
    this.#learnPanel.begin();
    const done = await this.#attempt("learning", async () => {
      await this.remember();
      await this.#tune(photo, run.signal);
    });
    this.#run = undefined;
    await this.remember();
    if (!done) this.#learnPanel.showNothing("The network from before stays.");
    this.#showModel();
    // Tuned weights say by themselves how they want to be run.
    if (done) await this.denoise("auto");
  }

  /** Ends the learning, and keeps what was best so far. */
  stopLearning(): void {
    this.#learning.stop();
  }

  /** Goes back to the network from before the last fine-tuning. */
  async revert(): Promise<void> {
    const before = this.#before;
    if (!before) return;
    const scratch = before.preset !== undefined;
    const reverted = await this.#attempt("starting", async () => {
      await this.#forgetResult();
      const { model, weights, preset } = before;
      await this.#switch({ model, weights, preset });
      this.#learnPanel.showNothing("Back to the network from before.");
    });
    if (!reverted) return;
    this.#before = undefined;
    if (scratch) {
      this.#files.delete(this.#card.id);
      this.#waiting = this.#card;
    }
    this.#showModel();
  }

  /** Saves the tuned weights. */
  downloadWeights(): void {
    const { weights } = this.#engines.choice;
    if (weights instanceof File) save(weights, weights.name);
  }

  /** Stops what is under way, downloads included: the photo stays as it was. */
  cancel(): void {
    this.#run?.abort();
    this.#opening?.abort();
    this.#engines.cancel();
  }

  /** Mixes the photo back into the result on screen; nothing is computed again. */
  setStrength(strength: number): void {
    this.#stage.setStrength(strength);
  }

  /** Saves the result, at the strength on screen and in the photo's own bit depth. */
  async download(strength: number): Promise<void> {
    const { result } = this.#engines;
    const photo = this.#photo;
    if (photo && this.#whole) save(this.#whole.tiff, format.stackName(photo.name));
    if (!result || !photo) return;
    try {
      save(await result.withStrength(strength).blob("image/png"), format.resultName(photo.name));
    } catch (thrown) {
      this.#panel.alert(`The photo was not saved: ${sentence(thrown)}`);
    }
  }

  /** Switches the device. When that fails, all stays as it was. */
  async chooseDevice(device: DeviceChoice): Promise<boolean> {
    return this.#attempt("starting", () => this.#switch({ device }));
  }

  /** Switches the model, or asks for its weights where none ship and none were given before. */
  async chooseModel(id: string): Promise<void> {
    this.#forgetTuning();
    const card = cardOf(id);
    const weights = card.weights ? undefined : this.#files.get(id);
    if (!card.weights && !weights) {
      this.#panel.clearAlert();
      this.#panel.setStatus("");
      this.#waiting = card;
    } else if (await this.#attempt("starting", () => this.#use({ model: id, weights }))) {
      this.#waiting = undefined;
    }
    this.#showModel();
  }

  /** Takes weights of one's own, and the network that they are of. When they are of none, all stays as it was. */
  async useWeights(file: File): Promise<void> {
    if (this.#activity !== "idle") {
      this.#panel.alert(`${file.name} was not loaded: wait until the page is done, then try again.`);
      return;
    }
    this.#forgetTuning();
    await this.#attempt("starting", async () => {
      const waiting = this.#waiting?.id;
      // Networks with the same arrays are recognised as one of them: the one that was chosen goes first.
      await this.#use({ model: waiting, weights: file }).catch((thrown: unknown) => {
        if (!waiting || UnnoiseError.from(thrown).code !== "weights") throw thrown;
        return this.#use({ model: undefined, weights: file });
      });
      this.#waiting = undefined;
      this.#files.set(this.#card.id, file);
    });
    this.#showModel();
  }

  /** Goes back to the weights that ship with the model. */
  async useShipped(): Promise<void> {
    this.#forgetTuning();
    await this.#attempt("starting", () => this.#use({ weights: undefined }));
    this.#showModel();
  }

  /** The device that is asked for now. */
  get device(): DeviceChoice {
    return this.#engines.choice.device ?? "auto";
  }

  /** The network in use. */
  get #card(): ModelCard {
    return cardOf(this.#engines.choice.model);
  }

  #showModel(): void {
    const { weights } = this.#engines.choice;
    this.#learnPanel.showModel(this.#waiting ?? this.#card, this.#waiting !== undefined);
    if (this.#waiting) this.#panel.showModel(this.#waiting, undefined);
    else this.#panel.showModel(this.#card, weights instanceof File ? weights.name : undefined);
  }

  /** Goes on where the page was left. */
  async #restore(before: saved.Saved): Promise<void> {
    const { photo, model, device, adapt, weights, learning } = before;
    this.#panel.adapt.value = adapt;
    await this.#attempt("starting", async () => {
      await this.#use({ model, device, weights: weights?.file });
      if (weights) this.#files.set(this.#card.id, weights.file);
    });
    this.#panel.device.value = this.device;
    this.#showModel();
    await this.#open(photo);
    if (this.#photo?.file !== photo.file) return;
    this.#keeps = true;
    await this.remember();
    const lost = " It was being learned then, which did not come to its end: start that again.";
    this.#panel.setStatus(`${photo.name} is back, from before the page was left.${learning ? lost : ""}`);
  }

  /** Fine-tunes, from random weights where there are no others. */
  async #tune(photo: Photo, signal: AbortSignal): Promise<void> {
    await this.#forgetResult();
    const scratch = this.#waiting;
    if (scratch) await this.#switch({ model: scratch.id, weights: undefined, preset: "small" });
    const denoiser = await this.#engines.get();
    signal.throwIfAborted();
    const before = this.#engines.choice;
    const { file, page } = photo;
    const stack = this.#learnPanel.takesPages ? await denoiser.openStack(file, { signal }) : undefined;
    const lesson = {
      photo: stack ? shotsAround(stack, page) : file,
      page,
      scale: this.#card.scale,
      random: scratch !== undefined,
      signal,
    };
    const { kept } = await this.#learning.run(denoiser, lesson).finally(() => stack?.dispose());
    this.#stage.dropResult();
    if (!kept) return;
    const weights = await denoiser.exportWeights();
    const tuned = new File([weights], format.weightsName(photo.name, this.#card.id));
    this.#engines.tuned(tuned);
    this.#files.set(this.#card.id, tuned);
    this.#before = before;
    this.#waiting = undefined;
  }

  /** The network from before the last fine-tuning is history: another one was chosen. */
  #forgetTuning(): void {
    this.#before = undefined;
    this.#learnPanel.showNothing("");
  }

  /** Switches to weights that are not random. */
  #use(change: Choice): Promise<void> {
    return this.#switch({ ...change, preset: undefined });
  }

  async #switch(change: Choice): Promise<void> {
    const denoiser = await this.#engines.choose({ ...this.#engines.choice, ...change });
    this.#panel.showEngine(denoiser.info());
    this.#panel.setStatus("");
    await this.remember();
  }

  async #pump(
    denoiser: Denoiser,
    photo: Photo,
    options: Pick<DenoiseOptions, "adapt" | "signal">,
  ): Promise<DenoiseResult> {
    this.#stage.startResult(cardOf(denoiser.info().model).scale);
    this.#runStart = performance.now();
    const painted: Promise<void>[] = [];
    const result = await denoiser.denoise(photo.file, {
      ...options,
      page: photo.page,
      onProgress: (progress) => {
        this.#panel.showProgress(progress, (performance.now() - this.#runStart) / 1000);
      },
      onTile: (tile) => {
        painted.push(this.#stage.paint(tile));
      },
    });
    await Promise.all(painted);
    return result;
  }

  async #forgetResult(): Promise<void> {
    this.#whole = undefined;
    await this.#engines.drop();
    this.#panel.hideResult();
    this.#stage.dropResult();
  }

  /** Does something that takes a while, and says so; tells whether it succeeded. */
  async #attempt(activity: Exclude<Activity, "idle">, task: () => Promise<void>): Promise<boolean> {
    const attempt = ++this.#attempts;
    this.#setActivity(activity);
    this.#panel.clearAlert();
    this.#panel.setStatus(BEGINNINGS[activity]);
    try {
      await task();
      return true;
    } catch (thrown) {
      if (activity !== "starting") this.#stage.dropResult();
      const canceled = isCancel(thrown);
      this.#panel.setStatus(canceled ? "Canceled." : "");
      if (!canceled) this.#panel.alert(sentence(thrown));
      return false;
    } finally {
      // A run may have been asked for while the engine was starting.
      if (attempt === this.#attempts) this.#setActivity("idle");
    }
  }

  #setActivity(activity: Activity): void {
    this.#activity = activity;
    this.#panel.setActivity(activity);
    this.#learnPanel.setActivity(activity);
  }
}

/** The card of a model, or of the default one. */
function cardOf(id: string | undefined): ModelCard {
  const card = models().find((one) => (id === undefined ? one.default : one.id === id));
  if (!card) throw new Error(`There is no model ${id ?? "by default"}.`);
  return card;
}

function sizeOf({ width, height }: ImageBitmap): { width: number; height: number } {
  return { width, height };
}

function isCancel(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}

/** The message of an error, as a sentence. */
function sentence(thrown: unknown): string {
  const { message } = UnnoiseError.from(thrown);
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has its own hold on the data once it has begun.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 10_000);
}
