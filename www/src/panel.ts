import type { Progress } from "unnoise";
import { byId } from "./dom";
import * as format from "./format";
import type { Size } from "./geometry";
import { isReadByBrowsers } from "./photo";
import { text } from "./strings";

/** What the page is doing. */
export type Activity = "idle" | "starting" | "running" | "learning";

/** The photo, the run, and what goes wrong. Knows how to show things; what to do about them is the app's. */
export class Panel {
  readonly denoise = byId("denoise", HTMLButtonElement);
  readonly denoiseAll = byId("denoise-all", HTMLButtonElement);
  readonly cancel = byId("cancel", HTMLButtonElement);
  readonly smaller = byId("memory-smaller", HTMLButtonElement);
  readonly forget = byId("forget", HTMLButtonElement);
  /** Page of a stack, from 1. */
  readonly page = byId("page", HTMLInputElement);
  readonly #status = byId("status", HTMLElement);
  readonly #progress = byId("progress", HTMLProgressElement);
  readonly #alert = byId("alert", HTMLElement);
  readonly #alertText = byId("alert-text", HTMLElement);
  /** Whether there is a network to denoise with. */
  #hasWeights = true;
  #activity: Activity = "idle";

  constructor() {
    byId("alert-close", HTMLButtonElement).addEventListener("click", () => {
      this.clearAlert();
    });
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
    const depth = bitDepth === 32 ? text.photo.float : text.photo.bits(bitDepth);
    byId("photo-facts", HTMLElement).textContent = `${size} · ${depth}`;
  }

  /** Says whether the photo is kept for a reload. */
  showKept(kept: boolean): void {
    byId("kept", HTMLElement).hidden = !kept;
    byId("photo-hint", HTMLElement).hidden = kept;
  }

  /** Says which page of the stack it is, from 0. */
  showPage(page: number): void {
    this.page.value = String(page + 1);
    byId("page-value", HTMLOutputElement).textContent = text.photo.pageOf(this.page.value, this.page.max);
  }

  /** Enables what makes sense now. While a photo is being denoised, only looking, opening another and Cancel do. */
  setActivity(activity: Activity): void {
    this.#activity = activity;
    const running = activity === "running";
    const hadFocus = document.activeElement === (running ? this.denoise : this.cancel);
    this.denoise.hidden = running;
    this.cancel.hidden = !running && activity !== "starting";
    // Both are in one place: to scroll there would only take the photo out of view.
    if (hadFocus) (running ? this.cancel : this.denoise).focus({ preventScroll: true });
    this.page.disabled = activity !== "idle";
    this.#enable();
    this.#progress.hidden = activity === "idle" || activity === "learning";
    this.#progress.removeAttribute("value");
  }

  /** Says that there is nothing to denoise with until a file of weights of `network` comes, or that there is. */
  setMissing(network: string | undefined): void {
    this.#hasWeights = network === undefined;
    byId("denoise-hint", HTMLElement).textContent = network === undefined ? "" : text.run.noWeights(network);
    this.#enable();
  }

  /** Says that a photo takes more memory than this device is likely to have, and what would fit; or that all is well. */
  showMemory(lack: { needed: number; fitting: Size } | undefined): void {
    byId("memory", HTMLElement).hidden = !lack;
    if (!lack) return;
    const { width, height } = lack.fitting;
    byId("memory-about", HTMLElement).textContent = text.memory.about(format.bytes(lack.needed));
    this.smaller.textContent = text.memory.smaller(width, height);
    this.smaller.hidden = !isReadByBrowsers(byId("photo-name", HTMLElement).textContent);
  }

  /** What is going on, in a line. */
  get status(): string {
    return this.#status.textContent;
  }

  /** One line on what is going on, read out by screen readers. */
  setStatus(line: string): void {
    this.#status.textContent = line;
  }

  /** Shows how far a download or a run is; `elapsed` is the time since the run began, seconds. */
  showProgress(progress: Progress, elapsed: number): void {
    if (progress.phase === "restart") {
      this.setStatus(text.run.switching(progress.reason));
      return;
    }
    if (progress.phase !== "tiles") {
      this.#progress.value = progress.fraction;
      const total = progress.total === undefined ? undefined : format.bytes(progress.total);
      this.setStatus(text.run.loading(progress.phase, format.bytes(progress.loaded), total));
      return;
    }
    const { done, total } = progress;
    const left = this.#showShare(done / total, elapsed);
    this.setStatus(done === total ? text.run.finishing : text.run.tile(done + 1, total) + left);
  }

  /** Shows how far a run over a stack is, of which `page` (from 0) is under way. */
  showPages(progress: Progress, page: number, pages: number, elapsed: number): void {
    if (progress.phase !== "tiles") return;
    const { done, total } = progress;
    const left = this.#showShare((page + done / total) / pages, elapsed);
    const tile = total > 1 && done < total ? text.run.pageTile(done + 1, total) : "";
    this.setStatus(text.run.page(page + 1, pages) + tile + left);
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

  #enable(): void {
    this.denoise.disabled = this.#activity === "learning" || !this.#hasWeights;
    this.denoiseAll.disabled = this.#activity !== "idle" || !this.#hasWeights;
  }

  /** Moves the bar to a share of the whole, and says how long the rest will take. */
  #showShare(share: number, elapsed: number): string {
    // The first tile has no known end; a bar that stands still would look stuck.
    if (share === 0) return "";
    this.#progress.value = share;
    return text.run.left(format.seconds((elapsed / share) * (1 - share)));
  }
}
