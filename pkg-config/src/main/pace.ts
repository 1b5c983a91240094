/** How long tiles take. The engine says nothing before a tile is done, so what is between is told by the clock. */
import type { BegunJob, OpenedEngine } from "../shared/protocol.js";
import type { ModelCard } from "../shared/contract.js";

/** Milliseconds per pixel that a network saw in a tile, of the last run of each kind on this page. */
const known = new Map<string, number>();
/** Multiply-accumulates per millisecond that a machine is taken to do before it has done any. */
const GUESS = { cpu: 3e6, gpu: 3e8 };
/**
 * How many times longer than expected a tile may take before its worker counts as stuck: when such a tile has been, and
 * when all is a guess, of a CPU and without what a mode adds.
 */
const SLOWEST = { known: 20, guessed: 100 };

/** The pace of a run of one kind: one network, run in one way by so many workers. */
export class Pace {
  readonly #kind: string;
  readonly #pixels: number;
  readonly #tiles: number;
  readonly #workers: number;
  readonly #guess: number;
  readonly #begun = new Map<number, number>();
  readonly #start = performance.now();
  readonly #guessed: number;

  constructor(
    { info }: OpenedEngine,
    { id, macPerPixel }: ModelCard,
    { plan, adapt }: BegunJob,
    workers: number,
  ) {
    this.#kind = [info.device, id, adapt, workers].join(" ");
    this.#pixels = plan.tileWidth * plan.tileHeight;
    this.#tiles = plan.tiles;
    this.#workers = Math.max(1, workers);
    this.#guessed = macPerPixel / GUESS.cpu;
    this.#guess = macPerPixel / GUESS[info.device === "webgpu" ? "gpu" : "cpu"];
  }

  /** What all tiles take, seconds, where such a run has been. */
  get seconds(): number | undefined {
    const each = known.get(this.#kind);
    return each === undefined ? undefined : (this.#tiles * this.#pixels * each) / this.#workers / 1000;
  }

  /** How long a worker may be silent over a tile, milliseconds. */
  get silence(): number {
    const each = known.get(this.#kind);
    return this.#pixels * (each === undefined ? SLOWEST.guessed * this.#guessed : SLOWEST.known * each);
  }

  /** Notes that a tile is begun. */
  begin(tile: number): void {
    this.#begun.set(tile, performance.now());
  }

  /** Notes that a tile is done. */
  end(tile: number): void {
    const begun = this.#begun.get(tile);
    if (begun !== undefined) known.set(this.#kind, (performance.now() - begun) / this.#pixels);
    this.#begun.delete(tile);
  }

  /** How many tiles' worth is done of those under way, about: nine tenths of one after that much of its time, then ever less. */
  get underWay(): number {
    const each = this.#pixels * (known.get(this.#kind) ?? this.#guess);
    const now = performance.now();
    const share = (gone: number) => (gone < 0.9 ? gone : 1 - 0.1 * Math.exp(9 - 10 * gone));
    return [...this.#begun.values()].reduce((sum, begun) => sum + share((now - begun) / each), 0);
  }

  /** Seconds to go when so many tiles' worth is done, about: once a second has gone, and where it can be known. */
  remaining(done: number): number | undefined {
    const { seconds } = this;
    const early = performance.now() < this.#start + 1000;
    return early || seconds === undefined ? undefined : seconds * (1 - done / this.#tiles);
  }

  /** Calls again and again, ever more seldom, until the function that it returns is called. */
  tick(tell: () => void): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const next = () => {
      const gone = performance.now() - this.#start;
      timer = setTimeout(
        () => {
          tell();
          next();
        },
        Math.min(500, Math.max(30, gone / 8)),
      );
    };
    next();
    return () => {
      clearTimeout(timer);
    };
  }
}
