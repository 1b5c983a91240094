import { isCancel, sentence } from "../tasks";

/** How far a photo of the queue is. */
export type State =
  | { readonly kind: "waiting" | "canceled" }
  /** `share` is from 0 to 1. */
  | { readonly kind: "running"; readonly share: number }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "done"; readonly file: File };

/** A photo that is to be denoised. */
export interface Item {
  readonly photo: File;
  state: State;
}

/** Denoises one of the photos into a file. */
export type Work = (photo: File, signal: AbortSignal, onShare: (share: number) => void) => Promise<File>;

/** Several photos that are denoised one after the other. */
export class Queue {
  readonly #work: Work;
  readonly #onChange: () => void;
  #items: readonly Item[] = [];
  #current: { readonly item: Item; readonly run: AbortController } | undefined;

  /** @param onChange a state has changed */
  constructor(work: Work, onChange: () => void) {
    this.#work = work;
    this.#onChange = onChange;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  /** Whether something waits or is under way. */
  get busy(): boolean {
    return this.#items.some(({ state }) => state.kind === "waiting" || state.kind === "running");
  }

  /** The files that are done. */
  get files(): File[] {
    return this.#items.flatMap(({ state }) => (state.kind === "done" ? [state.file] : []));
  }

  /** Takes up more photos. */
  add(photos: readonly File[]): void {
    this.#items = [...this.#items, ...photos.map((photo): Item => ({ photo, state: { kind: "waiting" } }))];
    this.#onChange();
  }

  /** Denoises what waits, until nothing does. A photo that fails does not keep the others. */
  async run(): Promise<void> {
    for (let item = this.#next; item; item = this.#next) await this.#do(item);
  }

  /** Gives up a photo. */
  cancel(item: Item): void {
    if (item === this.#current?.item) this.#current.run.abort();
    else if (item.state.kind === "waiting") this.#set(item, { kind: "canceled" });
  }

  /** Gives up all photos that are not done. */
  cancelAll(): void {
    for (const item of [...this.#items].reverse()) this.cancel(item);
  }

  /** Forgets all of them. */
  clear(): void {
    this.cancelAll();
    this.#items = [];
    this.#onChange();
  }

  get #next(): Item | undefined {
    return this.#items.find(({ state }) => state.kind === "waiting");
  }

  async #do(item: Item): Promise<void> {
    const run = new AbortController();
    this.#current = { item, run };
    const onShare = (share: number) => {
      this.#set(item, { kind: "running", share });
    };
    onShare(0);
    try {
      this.#set(item, { kind: "done", file: await this.#work(item.photo, run.signal, onShare) });
    } catch (thrown) {
      this.#set(item, isCancel(thrown) ? { kind: "canceled" } : { kind: "failed", why: sentence(thrown) });
    } finally {
      this.#current = undefined;
    }
  }

  #set(item: Item, state: State): void {
    item.state = state;
    this.#onChange();
  }
}
