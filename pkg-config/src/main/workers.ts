/** The workers of a denoiser: the one that is in use, and one that waits, its script loaded, to take over. */
import { Link, type Death, type WorkerScript } from "./link.js";
import type { UnnoiseError } from "../shared/errors.js";

/**
 * Hands out workers. A page that has gone offline cannot load a worker's script again, so one is always kept ready; where
 * not even that can be had, the one that was turned away from is used again as soon as it is free.
 */
export class Workers {
  readonly #script: WorkerScript;
  readonly #onCrash: (death: Death, link: Link) => void;
  readonly #all = new Set<Link>();
  #spare: Link | undefined;
  #closed: UnnoiseError | undefined;

  constructor(script: WorkerScript, onCrash: (death: Death, link: Link) => void) {
    this.#script = script;
    this.#onCrash = onCrash;
  }

  /** A worker to open an engine in. */
  take(): Link {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare && !spare.ended ? spare : this.#start();
  }

  /** Has a worker ready, if that can be; resolves to whether there is one. */
  async prepare(): Promise<boolean> {
    if (!this.#spare || this.#spare.ended) this.#spare = this.#start();
    const spare = this.#spare;
    return spare.here.then(
      () => true,
      () => false,
    );
  }

  /** Does without a worker from now on: ends it, or keeps it for later where there is no other. */
  async leave(link: Link): Promise<void> {
    if (await this.prepare()) link.retire();
    else if (!link.ended) this.#spare = link;
  }

  /** Ends all workers, those to come too. */
  close(error: UnnoiseError): void {
    this.#closed = error;
    for (const link of this.#all) link.close(error);
    this.#all.clear();
  }

  #start(): Link {
    const link = new Link(this.#script, this.#onCrash);
    for (const one of this.#all) if (one.ended) this.#all.delete(one);
    this.#all.add(link);
    if (this.#closed) link.close(this.#closed);
    return link;
  }
}
