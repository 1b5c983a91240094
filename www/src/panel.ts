import { models, type DenoiseResult, type EngineInfo, type ModelCard, type Progress } from "unnoise";
import { byId } from "./dom";
import * as format from "./format";

/** What the page is doing. */
export type Activity = "idle" | "starting" | "running" | "learning";

const DEVICE_NAMES: Record<string, string> = {
  webgpu: "the GPU (WebGPU)",
  flex: "the CPU (flex)",
  ndarray: "the CPU (ndarray)",
};

/** The controls beside the photo. Knows how to show things; what to do about them is the app's. */
export class Panel {
  readonly denoise = byId("denoise", HTMLButtonElement);
  readonly denoiseAll = byId("denoise-all", HTMLButtonElement);
  readonly cancel = byId("cancel", HTMLButtonElement);
  readonly download = byId("download", HTMLButtonElement);
  readonly strength = byId("strength", HTMLInputElement);
  readonly forget = byId("forget", HTMLButtonElement);
  /** Page of a stack, from 1. */
  readonly page = byId("page", HTMLInputElement);
  readonly model = byId("model", HTMLSelectElement);
  readonly device = byId("device", HTMLSelectElement);
  readonly adapt = byId("adapt", HTMLSelectElement);
  readonly weightsOpen = byId("weights-open", HTMLButtonElement);
  readonly weightsFile = byId("weights-file", HTMLInputElement);
  readonly weightsReset = byId("weights-reset", HTMLButtonElement);
  readonly #status = byId("status", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #result = byId("result", HTMLElement);
  readonly #alert = byId("alert", HTMLElement);
  readonly #alertText = byId("alert-text", HTMLElement);
  /** Whether there is a network to denoise with. */
  #hasWeights = true;

  constructor() {
    const option = (card: ModelCard) => new Option(card.title, card.id, card.default, card.default);
    const own = document.createElement("optgroup");
    own.label = "With weights of your own";
    for (const card of models()) (card.weights ? this.model : own).append(option(card));
    this.model.append(own);
    byId("alert-close", HTMLButtonElement).addEventListener("click", () => {
      this.clearAlert();
    });
    this.strength.addEventListener("input", () => {
      this.#showStrength();
    });
    const first = models().find((card) => card.default);
    if (first) this.showModel(first, undefined);
  }

  /** Names the photo, and the page where it is one of a stack. */
  showPhoto(
    name: string,
    photo: { width: number; height: number; bitDepth: number; pages: number },
    page: number,
  ): void {
    const { width, height, bitDepth, pages } = photo;
    byId("photo-name", HTMLElement).textContent = name;
    byId("page-field", HTMLElement).hidden = pages === 1;
    this.page.max = String(pages);
    this.showPage(page);
    const size = `${width} × ${height} · ${format.megapixels(width, height)}`;
    const depth = bitDepth === 32 ? "32-bit float" : `${bitDepth} bit`;
    byId("photo-facts", HTMLElement).textContent = `${size} · ${depth}`;
  }

  /** Says whether the photo is kept for a reload. */
  showKept(kept: boolean): void {
    byId("kept", HTMLElement).hidden = !kept;
  }

  /** Says which page of the stack it is, from 0. */
  showPage(page: number): void {
    this.page.value = String(page + 1);
    byId("page-value", HTMLOutputElement).textContent = `${this.page.value} of ${this.page.max}`;
  }

  /** Enables what makes sense now. While a photo is being denoised, only looking, opening another and Cancel do. */
  setActivity(activity: Activity): void {
    const running = activity === "running";
    const hadFocus = document.activeElement === (running ? this.denoise : this.cancel);
    this.denoise.hidden = running;
    this.cancel.hidden = !running && activity !== "starting";
    if (hadFocus) (running ? this.cancel : this.denoise).focus();
    const settings = [this.model, this.device, this.adapt, this.weightsOpen, this.weightsReset, this.page];
    for (const control of settings) control.disabled = activity !== "idle";
    this.denoise.disabled = activity === "learning" || !this.#hasWeights;
    this.denoiseAll.disabled = activity !== "idle" || !this.#hasWeights;
    this.#progress.hidden = activity === "idle" || activity === "learning";
    this.#progress.removeAttribute("value");
  }

  /** What is going on, in a line. */
  get status(): string {
    return this.#status.textContent;
  }

  /** One line on what is going on, read out by screen readers. */
  setStatus(text: string): void {
    this.#status.textContent = text;
  }

  /** Shows how far a download or a run is; `elapsed` is the time since the run began, seconds. */
  showProgress(progress: Progress, elapsed: number): void {
    if (progress.phase === "restart") {
      this.setStatus(`${progress.reason} Going on with another one…`);
      return;
    }
    if (progress.phase !== "tiles") {
      this.#progress.value = progress.fraction;
      const what = progress.phase === "engine" ? "engine" : "weights";
      const total = progress.total === undefined ? "" : ` of ${format.bytes(progress.total)}`;
      this.setStatus(`Loading the ${what}: ${format.bytes(progress.loaded)}${total}`);
      return;
    }
    const { done, total } = progress;
    const left = this.#showShare(done / total, elapsed);
    this.setStatus(done === total ? "Finishing…" : `Tile ${done + 1} of ${total}${left}`);
  }

  /** Shows how far a run over a stack is, of which `page` (from 0) is under way. */
  showPages(progress: Progress, page: number, pages: number, elapsed: number): void {
    if (progress.phase !== "tiles") return;
    const { done, total } = progress;
    const left = this.#showShare((page + done / total) / pages, elapsed);
    const tile = total > 1 && done < total ? `, tile ${done + 1} of ${total}` : "";
    this.setStatus(`Page ${page + 1} of ${pages}${tile}${left}`);
  }

  /** Shows what a run took, the controls of its result, and what to do better. */
  showResult({ info, scale, width, height }: DenoiseResult, advice: string): void {
    this.#result.hidden = false;
    // An enlarged result cannot be mixed with the photo.
    byId("strength-field", HTMLElement).hidden = scale > 1;
    this.strength.value = "100";
    this.#showStrength();
    this.#showDownload("Download PNG");
    const time = format.seconds(info.seconds);
    const rate = format.seconds(info.secondsPerMegapixel);
    const device = DEVICE_NAMES[info.device] ?? info.device;
    const size = scale > 1 ? ` · enlarged to ${width} × ${height}` : "";
    byId("noise-about", HTMLElement).textContent = format.noise(info.noise, info.adapt, info.range) + advice;
    const notes = info.notes.length > 0 ? ` · ${format.notes(info.notes)}` : "";
    this.setStatus(`Done in ${time} on ${device} · ${rate} per megapixel${size}${notes}`);
  }

  /** Shows what a run over a stack took, and what can be had of it. */
  showWhole(pages: number, elapsed: number): void {
    this.#result.hidden = false;
    // Strength is for one page, whose pixels are still there.
    byId("strength-field", HTMLElement).hidden = true;
    byId("noise-about", HTMLElement).textContent = "";
    this.#showDownload(`Download TIFF, ${pages} pages`);
    this.setStatus(`Done in ${format.seconds(elapsed)}: ${pages} pages, in one file`);
  }

  /** Hides the controls of the result: there is none. */
  hideResult(): void {
    this.#result.hidden = true;
  }

  /** Shows what the engine runs on, and why. */
  showEngine(info: EngineInfo): void {
    const adapter = info.device === "webgpu" && info.adapter ? ` (${info.adapter})` : "";
    const device = DEVICE_NAMES[info.device] ?? info.device;
    byId("device-about", HTMLElement).textContent = `Uses ${device}${adapter}. ${info.reason}`;
  }

  /**
   * Shows the chosen model and whose weights it has: a file's name, or the shipped ones. Where there are neither, a
   * file is asked for.
   */
  showModel(card: ModelCard, own: string | undefined): void {
    const { title, summary, noise, paper, parameters, macPerPixel, weights } = card;
    const show = (id: string, text: string) => {
      byId(id, HTMLElement).textContent = text;
    };
    this.model.value = card.id;
    show("model-about", `${summary} Noise it knows: ${noise}.`);
    const cost = `${format.count(parameters)} weights, ${format.count(macPerPixel)} multiplications per pixel`;
    show("model-cost", weights ? `${cost}.` : `As published: ${cost}.`);
    show("paper", paper.title);
    byId("paper", HTMLAnchorElement).href = paper.url;
    show("paper-authors", `, ${paper.authors}, ${paper.year}`);
    show("weights-about", own ?? (weights ? `Shipped, ${format.bytes(weights.bytes)}` : "None yet"));
    this.weightsReset.hidden = own === undefined || !weights;
    this.#hasWeights = own !== undefined || weights !== null;
    this.denoise.disabled = !this.#hasWeights;
    this.denoiseAll.disabled = !this.#hasWeights;
    const hint = `Choose a weights file for ${title}, none comes with it; or let it learn this photo from scratch.`;
    show("denoise-hint", this.#hasWeights ? "" : hint);
  }

  /** Says what went wrong, over the photo. */
  alert(message: string): void {
    this.#alert.hidden = false;
    this.#alertText.textContent = message;
  }

  /** Takes the message away. */
  clearAlert(): void {
    this.#alert.hidden = true;
    this.#alertText.textContent = "";
  }

  /** Moves the bar to a share of the whole, and says how long the rest will take. */
  #showShare(share: number, elapsed: number): string {
    // The first tile has no known end; a bar that stands still would look stuck.
    if (share === 0) return "";
    this.#progress.value = share;
    return ` · about ${format.seconds((elapsed / share) * (1 - share))} left`;
  }

  #showDownload(label: string): void {
    byId("download-label", HTMLElement).textContent = label;
  }

  #showStrength(): void {
    const value = `${this.strength.value} %`;
    byId("strength-value", HTMLOutputElement).textContent = value;
    this.strength.setAttribute("aria-valuetext", value);
  }
}
