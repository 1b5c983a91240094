import { cache, type Denoiser, type DenoiseResult, type Device, type EngineInfo } from "unnoise";
import type { AdvancedPanel } from "./advanced-panel";
import { Comparison } from "./comparison";
import { deservesLook, firstLook } from "./first-look";
import * as format from "./format";
import type { LearnPanel } from "./learn-panel";
import { Learning } from "./learning";
import { cardOf, Networks } from "./networks";
import type { Activity, Panel } from "./panel";
import { PURPOSES } from "./purposes";
import type { ResultPanel } from "./result-panel";
import { Results } from "./results";
import type { SavePanel } from "./save-panel";
import * as saved from "./saved";
import { Delivery, offer } from "./saving/delivery";
import type { Facts } from "./saving/save";
import { Speed } from "./speed";
import type { Stage } from "./stage";
import { text } from "./strings";
import { isCancel, sentence, Tasks } from "./tasks";
import { denoiseWhole, type Whole } from "./whole";

/** Runs that take longer, in seconds, are not begun unasked: the part in view is denoised, and the time told. */
const LONG = 60;

/** The photo on screen, as the file it came from. */
interface Photo {
  readonly file: Blob;
  readonly name: string;
  /** Page of a stack, from 0. */
  readonly page: number;
}

/** All that shows things. */
export interface Views {
  readonly stage: Stage;
  readonly panel: Panel;
  readonly result: ResultPanel;
  readonly save: SavePanel;
  readonly advanced: AdvancedPanel;
  readonly learn: LearnPanel;
}

/** What the page does with a photo. */
export class App {
  readonly tasks: Tasks;
  readonly networks: Networks;
  readonly comparison: Comparison;
  readonly delivery: Delivery;
  readonly #views: Views;
  readonly #learning: Learning;
  readonly #speed = new Speed();
  #photo: Photo | undefined;
  #facts: (Facts & { readonly width: number; readonly height: number }) | undefined;
  #engine: EngineInfo | undefined;
  /** The stack that was denoised as a whole, while it is on screen. */
  #whole: Whole | undefined;
  #run: AbortController | undefined;
  /** Ends the opening of a photo. */
  #opening: AbortController | undefined;
  /** Whether the photo on screen is one's own, and not to be forgotten. */
  #keeps = false;
  /** Counts the photos that were asked for: a later one overtakes those that are still being read. */
  #opened = 0;

  constructor(views: Views) {
    const { stage, panel, result, save, advanced, learn } = views;
    this.#views = views;
    this.tasks = new Tasks(panel, [panel, advanced, learn]);
    this.networks = new Networks(this.tasks, panel, advanced, {
      onChange: () => {
        this.#showChoice();
        void this.remember();
      },
      onForget: () => {
        learn.showNothing("");
      },
    });
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
    this.#learning = new Learning(stage, learn, this.networks);
    this.#showChoice();
  }

  /** Shows the sample, drawn by the browser so that it is there at once, then starts the engine. */
  async start(sample: string): Promise<void> {
    const { stage, panel } = this.#views;
    const file = await (await fetch(sample)).blob();
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    this.#photo = { file, name: text.photo.sample, page: 0 };
    this.#facts = { width, height, bitDepth: 8, channels: 3, hasAlpha: false };
    await stage.show(bitmap);
    panel.showPhoto(text.photo.sample, { ...this.#facts, pages: 1 }, 0);
    const before = await saved.load();
    await this.tasks.attempt("starting", async () => {
      this.#engine = await this.networks.start();
      panel.setStatus("");
    });
    this.#showChoice();
    if (before) await this.#restore(before);
  }

  /** Keeps photo and settings in this browser, for a reload; not those of the sample. */
  async remember(): Promise<void> {
    const photo = this.#photo;
    if (!photo || !this.#keeps) return;
    const { own, card, device } = this.networks;
    const kept = await saved.save({
      photo,
      model: card.id,
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
    await Promise.all([saved.clear(), cache.delete()]);
    this.#views.panel.showKept(false);
    this.#views.panel.setStatus(text.photo.forgotten);
  }

  /** Opens a photo, and denoises it at once. When it cannot be read, the photo on screen stays, and a run goes on. */
  async open(file: File): Promise<void> {
    this.#views.panel.clearAlert();
    await this.#open({ file, name: file.name, page: 0 });
    if (this.#photo?.file !== file) return;
    this.#keeps = true;
    const remembered = this.remember();
    if (this.#views.advanced.atOnce) await this.#denoiseAtOnce();
    await remembered;
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
    await this.#running("running", (signal) => this.#denoiseAll(photo, signal));
    // The page that one looked at, unless another photo came in between.
    if (this.#photo?.file !== photo.file) return;
    const { status } = this.#views.panel;
    await this.#open(photo);
    this.#views.panel.setStatus(status);
  }

  /** Tunes the network to the photo on screen, then denoises the photo with what is kept. */
  async learn(): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run) return;
    const { learn, panel } = this.#views;
    const { status } = panel;
    learn.begin();
    const outcome = { better: false };
    const done = await this.#running("learning", async (signal) => {
      await this.remember();
      await this.#begin();
      outcome.better = await this.#learning.run(photo, signal);
    });
    const { better } = outcome;
    await this.remember();
    if (!done) learn.showNothing(text.tune.unchanged);
    this.#showChoice();
    if (!done) return;
    // Tuned weights say by themselves how they want to be run.
    if (better) this.#views.advanced.adapt = "auto";
    if (better || !this.comparison.selected) await this.denoise();
    else {
      await this.comparison.restore();
      panel.setStatus(status);
    }
  }

  /** Ends the tuning, and keeps what was best so far. */
  stopLearning(): void {
    this.#learning.stop();
  }

  /** Goes back to the network from before the last tuning. */
  async revert(): Promise<void> {
    if (await this.networks.revert()) this.#views.learn.showNothing(text.tune.reverted);
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
    if (photo && this.#whole) offer(this.#whole.tiff, format.resultName(photo.name, "image/tiff"));
    else await this.delivery.save();
  }

  /** What computes, once the engine has started. */
  get deviceInUse(): Device | undefined {
    return this.#engine?.device;
  }

  /** Another method was chosen. */
  methodChanged(): void {
    this.#showChoice();
    void this.remember();
  }

  /** Another network, method or device was chosen: says what it means for this photo. */
  #showChoice(): void {
    const { advanced, panel, learn } = this.#views;
    const { waiting, own, card } = this.networks;
    const shown = waiting ?? card;
    const seconds = this.#takes();
    const takes = seconds === undefined ? undefined : format.about(seconds);
    advanced.showModel(shown, waiting ? undefined : own?.name, takes);
    panel.setMissing(waiting?.title);
    learn.showModel(shown, waiting !== undefined);
    const model = shown.id === this.#engine?.model ? ["auto", shown.id] : [shown.id];
    const fits = own || waiting ? [] : PURPOSES.filter((one) => model.includes(one.model));
    const more = takes === undefined ? [] : [text.purpose.takes(takes)];
    if (this.#facts && shown.scale > 1) {
      const { width, height } = this.#facts;
      more.unshift(text.purpose.becomes(width * shown.scale, height * shown.scale));
    }
    advanced.showPurpose(
      fits.find(({ adapt }) => adapt === advanced.adapt),
      more,
    );
  }

  /** Seconds that denoising this photo will take, once it can be foreseen. */
  #takes(): number | undefined {
    if (!this.#facts || !this.#engine) return undefined;
    const { width, height } = this.#facts;
    const card = this.networks.waiting ?? this.networks.card;
    const { adapt } = this.#views.advanced;
    return this.#speed.foresee({ card, adapt, width, height, device: this.#engine.device });
  }

  /** The photo on screen, decoded anew. */
  async #original(): Promise<ImageData> {
    const photo = this.#photo;
    if (!photo) throw new Error("There is no photo.");
    const denoiser = await this.networks.engines.get();
    return (await denoiser.decode(photo.file, { page: photo.page })).image;
  }

  async #open(photo: Photo): Promise<void> {
    const { file, name, page } = photo;
    const { stage, panel, learn } = this.#views;
    const turn = ++this.#opened;
    if (!this.#run) panel.setStatus(text.photo.opening(name));
    try {
      const denoiser = await this.networks.engines.get();
      const opening = new AbortController();
      this.#opening = opening;
      const decoded = await denoiser.decode(file, { page, signal: opening.signal });
      if (turn !== this.#opened) return;
      this.#run?.abort();
      this.#run = undefined;
      const whole = this.#whole?.source === file ? this.#whole : undefined;
      this.#whole = whole;
      await this.comparison.clear();
      this.#photo = photo;
      this.#facts = decoded;
      panel.setStatus(format.notes(decoded.notes));
      panel.showPhoto(name, decoded, page);
      learn.showPages(decoded.pages);
      this.#showChoice();
      await stage.show(decoded.image);
      if (whole) await this.#showPage(whole, page);
    } catch (thrown) {
      if (!this.#run) panel.setStatus("");
      if (!isCancel(thrown)) panel.alert(text.photo.notOpened(name, sentence(thrown)));
    }
  }

  /** Shows a page of a stack that has been denoised. */
  async #showPage(whole: Whole, page: number): Promise<void> {
    const denoised = whole.pages[page];
    this.#views.result.showWhole(whole.pages.length);
    if (denoised) await this.#views.stage.showResult(denoised, whole.scale);
  }

  /** Denoises the part in view, then all of it, unless that takes long. */
  async #denoiseAtOnce(): Promise<void> {
    const { stage, panel } = this.#views;
    const looks = this.#facts && deservesLook(this.#facts) && this.networks.card.scale === 1;
    if (!looks || this.#run || this.networks.waiting) {
      await this.denoise();
      return;
    }
    const looked = await this.#running("running", async (signal) => {
      panel.setStatus(text.run.previewing);
      stage.lookClosely();
      stage.startResult(1);
      const result = await firstLook(await this.networks.engines.get(), stage, signal);
      if (result) this.#speed.learn(result, this.networks.card);
    });
    if (!looked) return;
    this.#showChoice();
    const takes = this.#takes() ?? 0;
    if (takes <= LONG) {
      await this.denoise(true);
      return;
    }
    stage.compare(false);
    panel.setStatus(text.run.previewed(format.about(takes)));
  }

  async #denoiseAll(photo: Photo, signal: AbortSignal): Promise<void> {
    const { stage, panel, advanced } = this.#views;
    await this.comparison.clear();
    const denoiser = await this.networks.engines.get();
    signal.throwIfAborted();
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    const { scale } = this.networks.card;
    this.#whole = await denoiseWhole(denoiser, photo.file, stage, {
      adapt: advanced.adapt,
      signal,
      onPage: async (page, image) => {
        signal.throwIfAborted();
        this.#photo = { ...photo, page };
        panel.showPage(page);
        await stage.show(image);
        stage.startResult(scale);
      },
      onProgress: (progress, page, pages) => {
        panel.showPages(progress, page, pages, elapsed());
      },
    });
    const { length } = this.#whole.pages;
    this.#views.result.showWhole(length);
    panel.setStatus(text.run.donePages(format.seconds(elapsed()), length));
    stage.compare();
  }

  /** Goes on where the page was left. */
  async #restore({ photo, model, device, adapt, weights, learning }: saved.Saved): Promise<void> {
    this.#views.advanced.adapt = adapt;
    await this.networks.restore({ model, device, weights: weights?.file });
    await this.#open(photo);
    if (this.#photo?.file !== photo.file) return;
    this.#keeps = true;
    await this.remember();
    const back = text.photo.back(photo.name);
    this.#views.panel.setStatus(learning ? `${back} ${text.photo.backUntuned}` : back);
  }

  /** What was denoised before is not what is on screen any more. */
  async #begin(): Promise<void> {
    this.#whole = undefined;
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
    const { info, scale, width, height } = result;
    const { card, own } = this.networks;
    this.#speed.learn(result, card);
    this.#engine = owner.info();
    advanced.showEngine(this.#engine);
    const advice = own ? "" : format.advice(info.noise, card, cardOf(undefined));
    const about = format.noise(info.noise, info.adaptation, info.range) + advice;
    const method = advanced.adapt === "auto" ? [] : [text.advanced.methods[advanced.adapt]];
    const title = [card.title, ...(own ? [own.name] : []), ...method].join(", ");
    await this.comparison.take({ owner, result, title, about });
    if (this.#facts && this.#photo) this.delivery.take({ ...this.#facts, name: this.#photo.name });
    this.#showChoice();
    const { devices } = text.advanced;
    const rate = format.seconds(info.secondsPerMegapixel);
    const done = text.run.done(format.seconds(info.seconds), devices[info.device], rate);
    const size = scale > 1 ? text.run.enlarged(width, height) : "";
    const notes = info.notes.length > 0 ? ` · ${format.notes(info.notes)}` : "";
    panel.setStatus(done + size + notes);
  }
}
