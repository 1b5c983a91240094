import { UnnoiseError, models, type Denoiser, type DenoiseResult, type DeviceChoice } from "unnoise";
import { Engines, type Choice } from "./engines";
import * as format from "./format";
import type { Panel } from "./panel";
import type { Stage } from "./stage";

/** The photo on screen, as the file it came from. */
interface Photo {
  readonly file: Blob;
  readonly name: string;
}

/** What the page does. */
export class App {
  readonly #stage: Stage;
  readonly #panel: Panel;
  readonly #engines: Engines;
  #photo: Photo | undefined;
  #run: AbortController | undefined;
  #runStart = 0;
  /** Counts the photos that were asked for: a later one overtakes those that are still being read. */
  #opened = 0;

  constructor(stage: Stage, panel: Panel) {
    this.#stage = stage;
    this.#panel = panel;
    this.#engines = new Engines({ device: "auto" }, (progress) => {
      panel.showProgress(progress, 0);
    });
  }

  /** Shows the sample, drawn by the browser so that it is there at once, then starts the engine. */
  async start(sample: string): Promise<void> {
    const file = await (await fetch(sample)).blob();
    const bitmap = await createImageBitmap(file);
    this.#photo = { file, name: "Sample photo" };
    await this.#stage.show(bitmap);
    this.#panel.showPhoto("Sample photo", { ...sizeOf(bitmap), bitDepth: 8 });
    await this.#attempt("starting", async () => {
      this.#panel.showEngine((await this.#engines.get()).info());
      this.#panel.setStatus("");
    });
  }

  /** Opens a photo. When it cannot be read, the photo on screen stays, and a run goes on. */
  async open(file: File): Promise<void> {
    const turn = ++this.#opened;
    const isLast = () => turn === this.#opened;
    this.#panel.clearAlert();
    if (!this.#run) this.#panel.setStatus(`Opening ${file.name}…`);
    try {
      const denoiser = await this.#engines.get();
      const decoded = await denoiser.decode(file);
      if (!isLast()) return;
      this.#run?.abort();
      await this.#forgetResult();
      this.#photo = { file, name: file.name };
      this.#panel.setStatus("");
      this.#panel.showPhoto(file.name, decoded);
      await this.#stage.show(decoded.image);
    } catch (thrown) {
      if (!this.#run) this.#panel.setStatus("");
      this.#panel.alert(`${file.name} was not opened: ${sentence(thrown)}`);
    }
  }

  /** Denoises the photo on screen. */
  async denoise(): Promise<void> {
    const photo = this.#photo;
    if (!photo || this.#run) return;
    const run = new AbortController();
    this.#run = run;
    this.#panel.clearAlert();
    await this.#attempt("running", async () => {
      await this.#forgetResult();
      const denoiser = await this.#engines.get();
      run.signal.throwIfAborted();
      const result = await this.#pump(denoiser, photo, run.signal);
      this.#engines.keep(denoiser, result);
      this.#panel.showResult(result.info);
      this.#panel.showEngine(denoiser.info());
      this.#stage.setComparing(true);
      this.#stage.setSplit(50, { glide: true });
    });
    this.#run = undefined;
  }

  /** Stops the run: the photo stays as it was. */
  cancel(): void {
    this.#run?.abort();
  }

  /** Mixes the photo back into the result on screen; nothing is computed again. */
  setStrength(strength: number): void {
    this.#stage.setStrength(strength);
  }

  /** Saves the result, at the strength on screen and in the photo's own bit depth. */
  async download(strength: number): Promise<void> {
    const { result } = this.#engines;
    const photo = this.#photo;
    if (!result || !photo) return;
    try {
      save(await result.withStrength(strength).blob("image/png"), format.resultName(photo.name));
    } catch (thrown) {
      this.#panel.alert(`The photo was not saved: ${sentence(thrown)}`);
    }
  }

  /** Switches model, weights or device. When that fails, all stays as it was. */
  async choose(change: Choice): Promise<boolean> {
    this.#panel.clearAlert();
    return this.#attempt("starting", async () => {
      const denoiser = await this.#engines.choose({ ...this.#engines.choice, ...change });
      this.#panel.showEngine(denoiser.info());
      this.#panel.setStatus("");
    });
  }

  /** The device that is asked for now. */
  get device(): DeviceChoice {
    return this.#engines.choice.device ?? "auto";
  }

  /** The model in use. */
  get model(): string {
    return this.#engines.choice.model ?? models().find((card) => card.default)?.id ?? "";
  }

  /** Name of the file whose weights are in use, unless they are the shipped ones. */
  get weightsName(): string | undefined {
    const { weights } = this.#engines.choice;
    return weights instanceof File ? weights.name : undefined;
  }

  async #pump(denoiser: Denoiser, photo: Photo, signal: AbortSignal): Promise<DenoiseResult> {
    this.#stage.pictures.startAfter();
    this.#stage.setStrength(1);
    this.#stage.setComparing("painting");
    this.#runStart = performance.now();
    const painted: Promise<void>[] = [];
    const result = await denoiser.denoise(photo.file, {
      signal,
      onProgress: (progress) => {
        this.#panel.showProgress(progress, (performance.now() - this.#runStart) / 1000);
      },
      onTile: (tile) => {
        painted.push(this.#stage.pictures.paint(tile));
      },
    });
    await Promise.all(painted);
    return result;
  }

  async #forgetResult(): Promise<void> {
    await this.#engines.drop();
    this.#panel.hideResult();
    this.#stage.setComparing(false);
  }

  /** Does something that takes a while, and says so; tells whether it succeeded. */
  async #attempt(activity: "starting" | "running", task: () => Promise<void>): Promise<boolean> {
    this.#panel.setActivity(activity);
    this.#panel.setStatus(activity === "running" ? "Preparing…" : "Starting the engine…");
    try {
      await task();
      return true;
    } catch (thrown) {
      if (activity === "running") this.#stage.setComparing(false);
      const canceled = isCancel(thrown);
      this.#panel.setStatus(canceled ? "Canceled." : "");
      if (!canceled) this.#panel.alert(sentence(thrown));
      return false;
    } finally {
      this.#panel.setActivity("idle");
    }
  }
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
