import { canceled } from "../shared/errors.js";
import { Link, type WorkerScript } from "./link.js";
import { platform } from "../shared/platform.js";
import type { NetworkWeights, OpenedEngine } from "../shared/protocol.js";
import { wasmSizes } from "../shipped.js";
import type { Device } from "../shared/types.js";

/** Memory that one worker may take with the largest tiles, GB. */
const GB_PER_WORKER = 2;
/** How long helpers wait for the next photo, milliseconds. Memory that a wasm instance once took it keeps. */
const PATIENCE = 30_000;
/** Tiles of a photo that is large: it needs memory more than the next one needs helpers that are awake. */
const MANY = 16;

/** What a helper needs to start, all of it known from the first worker. */
export interface WorkerPoolSource {
  readonly engine: OpenedEngine;
  readonly model: string;
  readonly weights: NetworkWeights;
  readonly script: WorkerScript;
}

/**
 * How many workers share the tiles of a photo: as many as were asked for, else as there are cores and memory for. A GPU
 * is one device however many ask it.
 */
export function workerCount(device: Device, asked: number | undefined): number {
  if (device === "webgpu") return 1;
  if (asked !== undefined) return asked;
  const { cores, gigabytes } = platform.machine();
  return Math.max(1, Math.min(cores, Math.floor(gigabytes / GB_PER_WORKER)));
}

/** Workers that denoise tiles for the one that has the photo. They start when they are first wanted. */
export class WorkerPool {
  #links: Link[] = [];
  #closed = false;
  #bedtime: ReturnType<typeof setTimeout> | undefined;
  readonly #source: WorkerPoolSource;

  constructor(source: WorkerPoolSource) {
    this.#source = source;
  }

  /** Up to `count` helpers, ready to work; fewer where some do not start. */
  async gather(count: number): Promise<readonly Link[]> {
    clearTimeout(this.#bedtime);
    // One that is stuck in a tile of a run that was given up is replaced.
    await Promise.all(this.#links.map(closeStuck));
    this.#links = this.#links.filter((link) => !link.ended);
    const missing = Math.max(0, count - this.#links.length);
    const started = await Promise.all(Array.from({ length: missing }, () => this.#start()));
    if (this.#closed) for (const link of started) link?.close(canceled());
    this.#links.push(...started.filter((link) => link !== undefined));
    return this.#links.slice(0, count);
  }

  /** Ends the helpers after a while, unless they are gathered again; at once after so many `tiles`. */
  rest(tiles: number): void {
    if (this.#links.length === 0) return;
    if (tiles >= MANY) {
      this.#end();
      return;
    }
    const bedtime = setTimeout(() => {
      this.#end();
    }, PATIENCE);
    this.#bedtime = bedtime;
    // Node's, which would keep the process alive.
    (bedtime as { unref?: () => void }).unref?.();
  }

  /** Ends the helpers for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#bedtime);
    this.#end();
  }

  #end(): void {
    for (const link of this.#links) link.close(canceled());
    this.#links = [];
  }

  /** A helper; nothing where it cannot be had (no memory, no network for its script), for the photo gets done without. */
  async #start(): Promise<Link | undefined> {
    const { engine, model, weights, script } = this.#source;
    const { device } = engine.info;
    const link = new Link(script);
    try {
      const wasm = { [engine.artifact]: engine.module };
      await link.call("open", {
        device,
        gpuFailure: undefined,
        wasm,
        sizes: wasmSizes,
        patience: script.patience,
      });
      await link.call("load", { model, weights });
      return link;
    } catch {
      link.close(canceled());
      return undefined;
    }
  }
}

async function closeStuck(link: Link): Promise<void> {
  if (await link.stuck()) link.close(canceled());
}
