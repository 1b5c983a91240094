import type { DenoiseResult } from "unnoise";
import { isWhole, type Mix } from "./mixing";
import type { Question, Strip } from "./mix-worker";

/** Shows mixes of the photo and the result on screen; nothing is denoised again. */
export class Mixer {
  readonly #paint: (strip: Strip) => void;
  #worker: Worker | undefined;
  #result: DenoiseResult | undefined;
  /** Resolves when the worker has the pictures. */
  #held: Promise<void> | undefined;
  #wanted = 0;

  constructor(paint: (strip: Strip) => void) {
    this.#paint = paint;
  }

  /** Takes another result, or none; what the worker held is freed. */
  take(result: DenoiseResult | undefined): void {
    if (result === this.#result) return;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#held = undefined;
    this.#result = result;
    this.#wanted++;
  }

  /** Paints the mix, about row `middle` first. The worker is started by the first one that is not the whole result. */
  async show(mix: Mix, middle: number): Promise<void> {
    const result = this.#result;
    if (result?.scale !== 1 || (!this.#held && isWhole(mix))) return;
    const wanted = ++this.#wanted;
    await (this.#held ??= this.#hold(result));
    if (wanted === this.#wanted) this.#ask({ mix, middle }, []);
  }

  async #hold(result: DenoiseResult): Promise<void> {
    const [before, after] = await Promise.all([
      result.withStrength(0).imageData(),
      result.withStrength(1).imageData(),
    ]);
    if (result !== this.#result) return;
    this.#worker = new Worker(new URL("./mix-worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Strip>) => {
      this.#paint(data);
    });
    const hold = { before: before.data, after: after.data, width: result.width };
    this.#ask({ hold }, [before.data.buffer, after.data.buffer]);
  }

  #ask(question: Question, transfer: Transferable[]): void {
    this.#worker?.postMessage(question, transfer);
  }
}
