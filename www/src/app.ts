import { cache, type Denoiser, type DenoiseResult, type Device } from "unnoise";
import { Choice } from "./choice";
import { Comparison } from "./comparison";
import { discard, painted } from "./dom";
import { deservesLook, earlyBitmap, firstLook, warmUp } from "./first-look";
import * as format from "./format";
import { shrunk } from "./memory";
import { Networks } from "./networks";
import { Measuring } from "./measuring";
import type { Activity } from "./panel";
import type { Photo, PhotoFacts } from "./photo";
import { Results } from "./results";
import * as saved from "./saved";
import { Delivery, offer } from "./saving/delivery";
import { Stacks } from "./stacks";
import { text } from "./strings";
import { isCancel, sentence, Tasks } from "./tasks";
import { doneLine, told } from "./told";
import { Tuning } from "./tuning";
import type { Views } from "./views";

/** Runs that take longer, in seconds, are not begun unasked: the part in view is denoised, and the time told. */
const LONG = 60;

/** What the page does with a photo. */
export class App {
  readonly tasks: Tasks;
  readonly networks: Networks;
  readonly comparison: Comparison;
  readonly delivery: Delivery;
  readonly tuning: Tuning;
  readonly #views: Views;
  readonly #measuring: Measuring;
  readonly #choice: Choice;
  #photo: Photo | undefined;
  /** The one that was there before it. */
  #before: Photo | undefined;
  #facts: PhotoFacts | undefined;
  readonly #stacks: Stacks;
  #run: AbortController | undefined;
  /** Ends the opening of a photo. */
  #opening: AbortController | undefined;
  /** Whether the photo on screen is one's own, and not to be forgotten. */
  #keeps = false;
  /** Counts the photos that were asked for: a later one overtakes those that are still being read. */
  #opened = 0;

  constructor(views: Views) {
    const { stage, panel, result, save, advanced, learn, noise } = views;
    this.#views = views;
    this.tasks = new Tasks(panel, [panel, advanced, learn, noise]);
    this.networks = new Networks(this.tasks, panel, advanced, {
      onChange: () => {
        this.#choice.show(this.#facts);
        void this.remember();
      },
      onForget: () => {
        learn.showNothing("");
      },
    });
    this.#choice = new Choice(panel, advanced, learn, this.networks);
    const results = new Results(this.networks.engines);
    this.comparison = new Comparison({
      stage,
      panel: result,
      results,
      original: () => this.#original(),
      onShow: (shown, mix) => {
        if (this.#facts) save.show(shown, mix, this.#facts);
      },
    });
    this.delivery = new Delivery(panel, save, this.comparison);
    this.#stacks = new Stacks(stage, panel, result, advanced, this.networks);
    this.tuning = new Tuning(views, this.networks, this.comparison, {
      photo: () => (this.#run ? undefined : this.#photo),
      keeps: () => this.#keeps,
      running: (work) => this.#running("learning", work),
      begin: () => this.#begin(),
      denoise: () => this.denoise(),
      remember: () => this.remember(),
      onChange: () => {
        this.#choice.show(this.#facts);
      },
    });
    this.#measuring = new Measuring(noise, this.networks.engines);
    this.#choice.show(this.#facts);
  }

  /** Shows the sample, drawn by the browser so that it is there at once, then starts the engine. */
  async start(sample: string): Promise<void> {
    const { stage, panel } = this.#views;
    // What is large comes after what one sees first.
    await painted();
    const file = await (await fetch(sample)).blob();
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    this.#photo = { file, name: text.photo.sample, page: 0 };
    this.#facts = { width, height, bitDepth: 8, channels: 3, hasAlpha: false };
    await stage.show(bitmap);
    panel.showPhoto(text.photo.sample, { ...this.#facts, pages: 1 }, 0);
    const before = await saved.load();
    await this.tasks.attempt("starting", async () => {
      this.#choice.engine = await this.networks.start();
      panel.setStatus("");
    });
    if (this.#choice.engine?.device !== "webgpu") void warmUp(this.networks.engines);
    this.#choice.show(this.#facts);
    if (before === "dropped") panel.setStatus(text.photo.dropped);
    else if (before) await this.#restore(before);
  }

  /** Keeps photo and settings in this browser, for a reload; not those of the sample. */
  async remember(): Promise<void> {
    const photo = this.#photo;
    if (!photo || !this.#keeps) return;
    const { card, device, waiting } = this.networks;
    const own = waiting ? undefined : this.networks.own;
    const kept = await saved.save({
      photo,
      model: (waiting ?? card).id,
      device,
      adapt: this.#views.advanced.adapt,
      weights: own && (await saved.sealed(own)),
      learning: this.tasks.activity === "learning",
    });
    this.#views.panel.showKept(kept);
  }

  /** Deletes all that the page keeps in this browser, but the page itself. */
  async forget(): Promise<void> {
    this.#keeps = false;
    this.tuning.offer(undefined);
    await Promise.all([saved.clear(), cache.delete()]);
    this.#views.panel.showKept(false);
    this.#views.panel.setStatus(text.photo.forgotten);
  }

  /** Opens a photo, and denoises it at once. When it cannot be read, the photo on screen stays, and a run goes on. */
  async open(file: File): Promise<void> {
    const { stage, advanced, panel } = this.#views;
    panel.clearAlert();
    const photo = { file, name: file.name, page: 0 };
    const early = advanced.atOnce ? await this.#openEarly(photo) : "no";
    // What may bring the page down is only done when it is asked for, and not kept for a reload.
    const isRisky = () => this.#facts !== undefined && this.#choice.fitting(this.#facts) !== undefined;
    if (early === "overtaken") return;
    if (early !== "no" && isRisky()) {
      if (early === "looked") stage.compare(false);
      panel.setStatus("");
      return;
    }
    await this.#open(photo, early !== "no");
    if (this.#photo?.file !== file) return;
    await this.tuning.dropFound();
    if (isRisky()) return;
    this.#keeps = true;
    const remembered = this.remember();
    if (advanced.atOnce && early !== "canceled") await this.#denoiseAtOnce(early === "looked");
    await remembered;
  }

  /** Opens the photo on screen in a size for which there is memory. */
  async makeSmaller(): Promise<void> {
    const size = this.#facts && this.#choice.fitting(this.#facts);
    const photo = this.#photo;
    if (!size || !photo) return;
    this.#views.panel.setStatus(text.photo.opening(photo.name));
    await this.open(await shrunk(photo.file, photo.name, size));
  }

  /** Makes room for a list of photos: the photo on screen is not shown any more. */
  async queue(work: () => Promise<void>): Promise<void> {
    this.cancel();
    await this.comparison.clear();
    await work();
  }

  /** Shows the photo again that was there before the list. */
  async showAgain(): Promise<void> {
    if (this.#photo) await this.#open(this.#photo);
  }

  /** Turns to another page of the stack on screen, from 0. */
  async turnTo(page: number): Promise<void> {
    this.#views.panel.clearAlert();
    if (this.#photo) await this.#open({ ...this.#photo, page });
  }

  /** Denoises the photo on screen; `painted` is whether a part of the result is there already. */
  async denoise(painted = false): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run || this.networks.waiting) return;
    await this.#running("running", async (signal) => {
      if (!painted) await this.#begin();
      const denoiser = await this.networks.engines.get();
      signal.throwIfAborted();
      if (!painted) this.#views.stage.startResult(this.networks.card.scale);
      const result = await this.#pump(denoiser, photo, signal);
      await this.#take(denoiser, result);
    });
  }

  /** Denoises all pages of the stack on screen, into one file. */
  async denoiseAll(): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run || this.networks.waiting) return;
    await this.#running("running", async (signal) => {
      await this.comparison.clear();
      await this.#stacks.denoise(photo.file, signal, (page) => {
        this.#photo = { ...photo, page };
      });
    });
    // The page that one looked at, unless another photo came in between.
    if (this.#photo?.file !== photo.file) return;
    const { status } = this.#views.panel;
    await this.#open(photo);
    this.#views.panel.setStatus(status);
  }

  /** Tunes the network to a scene of which there are several photos, then denoises the first of them. */
  async learnScene(shots: readonly File[]): Promise<void> {
    const [file] = shots;
    if (!file) return;
    await this.#open({ file, name: file.name, page: 0, shots });
    if (this.#photo?.file === file) await this.tuning.learn();
  }

  /** Saves the model of the photo's noise. */
  saveNoise(): void {
    if (this.#photo) this.#measuring.save(this.#photo.name);
  }

  /** Measures the photo's noise, if that is wanted. */
  async showNoise(): Promise<void> {
    if (this.#photo) await this.#measuring.show(this.#photo);
  }

  /** Saves the tuned weights. */
  downloadWeights(): void {
    const { own } = this.networks;
    if (own) offer(own, own.name);
  }

  /** Stops what is under way, downloads included: the photo stays as it was. */
  cancel(): void {
    this.#run?.abort();
    this.#opening?.abort();
    this.networks.engines.cancel();
  }

  /** Saves the result as it is on screen, or the stack that was denoised. */
  async save(): Promise<void> {
    const photo = this.#photo;
    const whole = this.#stacks.tiff;
    if (photo && whole) offer(whole, format.resultName(photo.name, "image/tiff"));
    else await this.delivery.save();
  }

  /** What computes, once the engine has started. */
  get deviceInUse(): Device | undefined {
    return this.#choice.engine?.device;
  }

  /** Another method was chosen. */
  methodChanged(): void {
    this.#choice.show(this.#facts);
    void this.remember();
  }

  /** The photo on screen, decoded anew. */
  async #original(): Promise<ImageData> {
    const photo = this.#photo;
    if (!photo) throw new Error("There is no photo.");
    const denoiser = await this.networks.engines.get();
    return (await denoiser.decode(photo.file, { page: photo.page })).image;
  }

  /**
   * Shows a large photo as the browser reads it, and denoises the part in view, before the engine has read all of it.
   * `overtaken` is when another photo was asked for in the meantime.
   */
  async #openEarly(photo: Photo & { file: File }): Promise<"no" | "looked" | "canceled" | "overtaken"> {
    const { stage, panel } = this.#views;
    const turn = ++this.#opened;
    if (this.networks.waiting || this.networks.card.scale > 1) return "no";
    const bitmap = await earlyBitmap(photo.file);
    if (turn !== this.#opened) return "overtaken";
    if (!bitmap) return "no";
    const { width, height } = bitmap;
    await this.#replace(photo, { width, height, bitDepth: 8, channels: 3, hasAlpha: false });
    panel.showPhoto(photo.name, { width, height, bitDepth: 8, pages: 1 }, 0);
    this.#choice.show(this.#facts);
    await stage.show(bitmap);
    bitmap.close();
    const looked = await this.#look();
    if (turn !== this.#opened) return "overtaken";
    return looked ? "looked" : "canceled";
  }

  /** Opens a photo; `isShown` is whether the browser has shown it already. */
  async #open(photo: Photo, isShown = false): Promise<void> {
    const { file, name, page } = photo;
    const { stage, panel, learn } = this.#views;
    const turn = ++this.#opened;
    if (!this.#run) panel.setStatus(isShown ? text.photo.reading : text.photo.opening(name));
    try {
      const denoiser = await this.networks.engines.get();
      const opening = new AbortController();
      this.#opening = opening;
      const decoded = await denoiser.decode(file, { page, signal: opening.signal });
      if (turn !== this.#opened) return;
      await this.#replace(photo, decoded);
      panel.setStatus(format.notes(decoded.notes));
      panel.showPhoto(name, decoded, page);
      learn.showShots(decoded.pages, photo.shots?.length ?? 1);
      this.#choice.show(this.#facts);
      await stage.show(decoded.image, isShown);
      discard(decoded.image);
      await this.#stacks.show(page);
    } catch (thrown) {
      if (turn !== this.#opened) return;
      if (!this.#run) panel.setStatus("");
      if (isShown) await this.#goBack();
      if (!isCancel(thrown)) panel.alert(text.photo.notOpened(name, sentence(thrown)));
    }
  }

  /** Another photo takes the place of the one on screen. */
  async #replace(photo: Photo, facts: PhotoFacts): Promise<void> {
    this.#run?.abort();
    this.#run = undefined;
    this.#stacks.keep(photo.file);
    await this.comparison.clear();
    if (this.#photo?.file !== photo.file) this.#before = this.#photo;
    this.#photo = photo;
    this.#facts = facts;
    this.#measuring.clear();
  }

  /** Shows the photo again that was there before one that could not be read after all. */
  async #goBack(): Promise<void> {
    const before = this.#before;
    this.#photo = undefined;
    if (before) await this.#open(before);
  }

  /** Denoises the part in view, unless that is done, then all of it, unless that takes long. */
  async #denoiseAtOnce(looked: boolean): Promise<void> {
    const { stage, panel } = this.#views;
    if (this.#run) return;
    const looks = this.#facts && deservesLook(this.#facts) && this.networks.card.scale === 1;
    if (!looked && (!looks || this.networks.waiting)) {
      await this.denoise();
      return;
    }
    if (!looked && !(await this.#look())) return;
    this.#choice.show(this.#facts);
    const takes = this.#choice.seconds(this.#facts) ?? 0;
    if (takes <= LONG) {
      await this.denoise(true);
      return;
    }
    stage.compare(false);
    panel.setStatus(text.run.previewed(format.about(takes)));
  }

  /** Denoises the part in view; tells whether that came to its end. */
  #look(): Promise<boolean> {
    const { stage, panel } = this.#views;
    return this.#running("running", async (signal) => {
      panel.setStatus(text.run.previewing);
      stage.lookClosely();
      stage.startResult(1);
      const result = await firstLook(await this.networks.engines.get(), stage, signal);
      if (result) this.#choice.learn(result);
    });
  }

  /** Goes on where the page was left. */
  async #restore({ photo, model, device, adapt, weights, learning }: saved.Saved): Promise<void> {
    this.#views.advanced.adapt = adapt;
    await this.networks.restore({ model, device, weights: weights?.file });
    await this.#open(photo);
    if (this.#photo?.file !== photo.file) return;
    this.#keeps = true;
    await this.remember();
    const found = await saved.loadBest();
    this.tuning.offer(found);
    const untuned = learning ? ` ${text.photo.backUntuned}` : "";
    const more = found ? ` ${text.photo.backTuned}` : untuned;
    this.#views.panel.setStatus(text.photo.back(photo.name) + more);
  }

  /** What was denoised before is not what is on screen any more. */
  async #begin(): Promise<void> {
    this.#stacks.keep(undefined);
    await this.comparison.begin();
  }

  /** Does something that can be canceled; when that comes to nothing, what was there before is shown again. */
  async #running(
    activity: Exclude<Activity, "idle">,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const run = new AbortController();
    const photo = this.#photo;
    this.#run = run;
    const done = await this.tasks.attempt(activity, () => work(run.signal));
    if (this.#run === run) this.#run = undefined;
    if (!done && photo === this.#photo) await this.comparison.restore();
    return done;
  }

  async #pump(denoiser: Denoiser, photo: Photo, signal: AbortSignal): Promise<DenoiseResult> {
    const { stage, panel, advanced } = this.#views;
    const start = performance.now();
    const painted: Promise<void>[] = [];
    const result = await denoiser.denoise(photo.file, {
      adapt: advanced.adapt,
      signal,
      page: photo.page,
      onProgress: (progress) => {
        panel.showProgress(progress, (performance.now() - start) / 1000);
      },
      onTile: (tile) => {
        painted.push(stage.paint(tile));
      },
    });
    await Promise.all(painted);
    return result;
  }

  /** Takes a result that has been painted, and says what was done. */
  async #take(owner: Denoiser, result: DenoiseResult): Promise<void> {
    const { panel, advanced } = this.#views;
    this.#choice.learn(result);
    this.#choice.engine = owner.info();
    advanced.showEngine(this.#choice.engine);
    const { card, own } = this.networks;
    await this.comparison.take({ owner, result, ...told(result, card, own, advanced.adapt) });
    if (this.#facts && this.#photo) this.delivery.take({ ...this.#facts, name: this.#photo.name });
    this.#choice.show(this.#facts);
    panel.setStatus(doneLine(result));
    void this.showNoise();
  }
}
