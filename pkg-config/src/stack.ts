/// <reference lib="esnext.disposable" preserve="true" />
import { UnnoiseError } from "./errors.js";
import type { Link } from "./link.js";
import type { Source } from "./protocol.js";
import type { DenoiseResult } from "./result.js";
import type { DenoiseOptions } from "./types.js";

/** Runs the network over a page. */
type Run = (page: StackPage, options: DenoiseOptions) => Promise<DenoiseResult>;

/** A page of a {@link Stack}: an input as good as any for `decode`, `denoise` and `fineTune`. */
export class StackPage {
  /** @internal */
  readonly source: Source;
  /** Its place, from 0. */
  readonly index: number;

  /** @internal */
  constructor(stack: number, index: number) {
    this.index = index;
    this.source = { kind: "page", stack, page: index };
  }
}

/** What {@link Stack.denoise} takes. */
export interface StackOptions extends DenoiseOptions {
  /** Called when a page begins: its number, from 0, and how many there are. */
  readonly onPage?: ((page: number, pages: number) => void) | undefined;
}

/**
 * A file of several pictures: the pages of a TIFF, times the channels of a microscope. It stays in the worker until it is
 * disposed of.
 *
 * ```js
 * const stack = await denoiser.openStack(file);
 * for await (const result of stack.denoise()) result.dispose();
 * const tiff = await stack.blob();
 * ```
 */
export class Stack {
  /** Number of pictures. */
  readonly pages: number;
  /** What a user should know of the file. Sentences without their full stop. */
  readonly notes: readonly string[];
  readonly #link: Link;
  readonly #id: number;
  readonly #run: Run;

  /** @internal */
  constructor(link: Link, opened: { stack: number; pages: number; notes: readonly string[] }, run: Run) {
    this.pages = opened.pages;
    this.notes = opened.notes;
    this.#link = link;
    this.#id = opened.stack;
    this.#run = run;
    link.retain(this.#id);
  }

  /**
   * A page, to be decoded, denoised or learned from by itself.
   *
   * @throws `UnnoiseError` `option` when there is none of that number
   */
  page(index: number): StackPage {
    if (Number.isInteger(index) && index >= 0 && index < this.pages) return new StackPage(this.#id, index);
    throw new UnnoiseError("option", `There is no page ${index}; there are ${this.pages}, from 0.`);
  }

  /**
   * Denoises all pages, one after the other: a result for each, as it is done. Leaving the loop early, or an abort, stops
   * it. Each result is collected for {@link Stack.blob}; whoever does not show it disposes of it.
   *
   * @throws `UnnoiseError` as `denoise`
   */
  async *denoise({ onPage, ...options }: StackOptions = {}): AsyncGenerator<DenoiseResult, void, undefined> {
    for (let index = 0; index < this.pages; index += 1) {
      onPage?.(index, this.pages);
      const result = await this.#run(this.page(index), options);
      await result.collect(this.#id);
      yield result;
    }
  }

  /**
   * The pages that have been denoised since the last call, as one TIFF: in the depth of the file, with its pixel size and
   * description.
   *
   * @throws `UnnoiseError` `option` when there are none
   */
  async blob(): Promise<Blob> {
    const { bytes } = await this.#link.call("stackFile", { stack: this.#id });
    return new Blob([bytes], { type: "image/tiff" });
  }

  /** Frees the file. */
  dispose(): void {
    this.#link.release(this.#id);
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
