/** Runs the tiles of a job, by one worker or by several. */
import type { Hooks, Link } from "./link.js";
import type { Pace } from "./pace.js";
import type { Execution } from "../shared/contract.js";
import { platform } from "../shared/platform.js";
import type { BegunJob, FinalArea, Samples } from "../shared/protocol.js";
import type { Tile } from "../shared/types.js";

/** What a caller may want to hear and say while tiles are denoised. */
export interface RunHooks extends Hooks {
  readonly onTile?: ((tile: Tile) => void) | undefined;
}

/** Bytes of finished tiles that are kept, at most, to go on from when a worker is lost: 44 megapixels of 8 bits. */
const KEPT = 2 ** 27;

/** What makes samples of bytes. */
type Depth = new (bytes: ArrayBuffer) => Samples;

/** What a run has done so far, outside the worker that does it. */
export class DoneTiles {
  readonly #tiles = new Map<number, { readonly depth: Depth; readonly data: Blob }>();
  #bytes = 0;

  /** Keeps a tile, where there is room: in a blob, outside the memory of the page. */
  keep(tile: number, samples: Samples): void {
    if (this.#tiles.has(tile) || this.#bytes + samples.byteLength > KEPT) return;
    this.#bytes += samples.byteLength;
    this.#tiles.set(tile, { depth: samples.constructor as Depth, data: new Blob([samples]) });
  }

  /** The numbers of the tiles. */
  get tiles(): readonly number[] {
    return [...this.#tiles.keys()];
  }

  /** A tile that is kept. */
  async samples(tile: number): Promise<Samples | undefined> {
    const kept = this.#tiles.get(tile);
    return kept && new kept.depth(await kept.data.arrayBuffer());
  }
}

/**
 * Denoises all tiles of a job of the worker `lead`. Helpers are handed tiles one by one, and the lead puts together
 * what comes back; which of them does what makes no difference to the result. A helper that crashes loses its tile to
 * the others, unless its memory was too small, which ends the run; without helpers the lead does all by itself. What is in `kept` already, from a worker that was lost, is put
 * in place, and what is done is kept there.
 */
export async function runTiles(
  lead: Link,
  { job, plan: { execution, tiles: total } }: BegunJob,
  helpers: readonly Link[],
  pace: Pace,
  kept: DoneTiles,
  hooks: RunHooks,
): Promise<void> {
  const signal = { signal: hooks.signal };
  const overTile = () => ({ ...signal, silence: pace.silence });
  const pixels = hooks.onTile !== undefined;
  const known = new Set(kept.tiles);
  const waiting = Array.from({ length: total }, (_, i) => total - 1 - i).filter((tile) => !known.has(tile));
  let done = 0;
  /** What the caller threw at a report between two tiles. */
  let failure: unknown;

  const report = () => {
    const estimated = done + pace.underWay;
    hooks.onProgress?.({ phase: "tiles", done, total, estimated, remaining: pace.remaining(estimated) });
  };
  const tick = () => {
    try {
      if (failure === undefined) report();
    } catch (thrown) {
      failure = thrown;
    }
  };
  const finished = (final: FinalArea, tile: number) => {
    done += 1;
    pace.end(tile);
    if (final.samples) kept.keep(tile, final.samples);
    if (failure !== undefined) throw failure as Error;
    if (final.rgba) hooks.onTile?.(toTile(final, final.rgba));
    report();
  };
  const denoise = async (helper: Link, tile: number) => {
    pace.begin(tile);
    const task = await lead.call("task", { job, tile }, signal);
    const block = await helper.call("infer", { task }, overTile(), [task.data.buffer]);
    const args = { job, tile, block, pixels };
    finished(await lead.call("place", args, signal, [block.data.buffer]), tile);
  };
  const work = async (helper: Link) => {
    for (let tile = waiting.pop(); tile !== undefined; tile = waiting.pop()) {
      try {
        await denoise(helper, tile);
      } catch (thrown) {
        const lost = helper.ended && helper.death !== "memory" && !hooks.signal?.aborted;
        // The other helpers stop as well when all is lost.
        if (!lost) waiting.length = 0;
        if (!lost) throw thrown;
        waiting.push(tile);
      }
      if (helper.ended) return;
    }
  };

  for (const tile of known) {
    const samples = await kept.samples(tile);
    if (!samples) continue;
    await lead.call("restore", { job, tile, samples }, signal, [samples.buffer]);
    done += 1;
  }
  report();
  const stop = hooks.onProgress ? pace.tick(tick) : undefined;
  try {
    for (
      let pool = await ready(lead, job, execution, helpers, signal);
      pool.length > 0 && waiting.length > 0;
    ) {
      await Promise.all(pool.map(work));
      pool = pool.filter((helper) => !helper.ended);
    }
    for (let tile = waiting.pop(); tile !== undefined; tile = waiting.pop()) {
      pace.begin(tile);
      finished(await lead.call("step", { job, tile, next: waiting.at(-1), pixels }, overTile()), tile);
    }
  } finally {
    stop?.();
  }
}

/** The helpers that have been told of the job. */
async function ready(
  lead: Link,
  job: number,
  execution: Execution,
  helpers: readonly Link[],
  signal: Hooks,
): Promise<readonly Link[]> {
  if (helpers.length === 0) return [];
  const { overview } = await lead.call("overview", { job }, signal);
  const told = helpers.map((helper) =>
    helper.call("help", { execution, overview }, signal).catch(() => undefined),
  );
  await Promise.all(told);
  return helpers.filter((helper) => !helper.ended);
}

function toTile({ x, y, width }: FinalArea, rgba: Uint8Array<ArrayBuffer>): Tile {
  const pixels = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  return { x, y, image: platform.imageData(pixels, width) };
}
