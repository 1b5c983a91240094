/// <reference lib="esnext.disposable" preserve="true" />
import { UnnoiseError, guarded } from "../shared/errors.js";
import type { Link } from "./link.js";
import type { Source } from "../shared/protocol.js";
import type { DenoiseResult } from "./result.js";
import type { DenoiseOptions } from "../shared/types.js";

/** Runs the network over a page. */
type Run = (page: StackPage, options: DenoiseOptions) => Promise<DenoiseResult>;

/** A page of a {@link Stack}: an input as good as any for `decode`, `denoise` and `fineTune`. */
export class StackPage {
  /** @internal */
  readonly stackOn: (link: Link) => Promise<number>;
  /** Its place, from 0. */
  readonly index: number;

  /** @internal */
  constructor(stackOn: (link: Link) => Promise<number>, index: number) {
    this.index = index;
    this.stackOn = stackOn;
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
  readonly #source: Source;
  readonly #run: Run;
  /** Its number in each worker that has it: another one takes over where one is lost. */
  readonly #homes = new Map<Link, Promise<number>>();
  /** Where the pages are collected, and which. */
  #writer: Link | undefined;
  #collected: number[] = [];
  #disposed = false;

  private constructor(source: Source, opened: { pages: number; notes: readonly string[] }, run: Run) {
    this.pages = opened.pages;
    this.notes = opened.notes;
    this.#source = source;
    this.#run = run;
  }

  /** @internal */
  static async open(link: Link, source: Source, options: { signal?: AbortSignal }, run: Run): Promise<Stack> {
    const opened = await link.call("openStack", { source }, options);
    const stack = new Stack(source, opened, run);
    link.retain(opened.stack);
    stack.#homes.set(link, Promise.resolve(opened.stack));
    return stack;
  }

  /**
   * A page, to be decoded, denoised or learned from by itself.
   *
   * @throws `UnnoiseError` `option` when there is none of that number
   */
  page(index: number): StackPage {
    if (Number.isInteger(index) && index >= 0 && index < this.pages)
      return new StackPage((link) => this.#on(link), index);
    throw new UnnoiseError("option", `There is no page ${index}; there are ${this.pages}, from 0.`);
  }

  /**
   * Denoises all pages, one after the other: a result for each, as it is done. Leaving the loop early, or an abort, stops
   * it. Each result is collected for {@link Stack.blob}; whoever does not show it disposes of it.
   *
   * @throws `UnnoiseError` as `denoise`
   */
  async *denoise({ onPage, ...options }: StackOptions = {}): AsyncGenerator<DenoiseResult, void, undefined> {
    const told = guarded("onPage", onPage);
    for (let index = 0; index < this.pages; index += 1) {
      told?.(index, this.pages);
      const result = await this.#run(this.page(index), options);
      await this.#collect(result, index, options);
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
    const writer = this.#writer;
    if (!writer) throw new UnnoiseError("option", "No page of this stack has been denoised.");
    const { bytes } = await writer.call("stackFile", { stack: await this.#on(writer) });
    this.#writer = undefined;
    this.#collected = [];
    return new Blob([bytes], { type: "image/tiff" });
  }

  /** Frees the file. */
  dispose(): void {
    this.#disposed = true;
    for (const [link, home] of this.#homes) {
      void home.then(
        (id) => {
          link.release(id);
        },
        () => undefined,
      );
    }
    this.#homes.clear();
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The number of the stack in a worker, which opens it where it has not yet. */
  #on(link: Link): Promise<number> {
    if (this.#disposed) return Promise.reject(new UnnoiseError("disposed", "This stack was disposed of."));
    for (const other of this.#homes.keys()) if (other.ended) this.#homes.delete(other);
    const home = this.#homes.get(link) ?? this.#open(link);
    this.#homes.set(link, home);
    return home;
  }

  async #open(link: Link): Promise<number> {
    const { stack } = await link.call("openStack", { source: this.#source });
    link.retain(stack);
    return stack;
  }

  /** Adds a page to the file. What was collected in a worker that is no longer used is made again. */
  async #collect(result: DenoiseResult, index: number, options: DenoiseOptions): Promise<void> {
    const { link } = result;
    if (this.#writer !== link) {
      const lost = this.#collected;
      this.#collected = [];
      this.#writer = link;
      const quiet = { ...options, onTile: undefined, onProgress: undefined };
      for (const page of lost) {
        const again = await this.#run(this.page(page), quiet);
        await this.#collect(again, page, quiet);
        again.dispose();
      }
    }
    await result.collect(await this.#on(link));
    this.#collected.push(index);
  }
}
