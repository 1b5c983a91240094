import { PATIENCE } from "../shared/download.js";
import { UnnoiseError, canceled } from "../shared/errors.js";
import { startWorker } from "../script.js";
import { platform } from "../shared/platform.js";
import type { CallName, Calls, Reply, Request } from "../shared/protocol.js";
import type { Step } from "../shared/types.js";

/** What a caller may want to hear and say while a call runs. */
export interface Hooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: Step) => void) | undefined;
  /** Milliseconds that the worker may say nothing at all before it counts as stuck; never less than a stalled download's. */
  readonly silence?: number | undefined;
}

/** How a worker died: its script did not come, its memory is in doubt or did not grow, its GPU failed, or nobody knows. */
export type Death = "script" | "trap" | "memory" | "gpu" | "gone";

interface Pending extends Hooks {
  resolve(value: unknown): void;
  reject(error: UnnoiseError): void;
}

/** Where the script of workers comes from. */
export interface WorkerScript {
  /** When it is not beside the package. */
  readonly url?: string | undefined;
  /** Milliseconds within which it has to be there. */
  readonly patience?: number | undefined;
}

/** How long a worker may take to answer an aborted call, milliseconds: on a GPU it costs more to start another one. */
const GRACE = { cpu: 100, gpu: 600 };

/** How often it is looked whether a worker that has something to do is still heard of, milliseconds. */
const LOOK_EVERY = 500;

/** How many times longer than a download may stall a worker may say nothing, where nothing is known of what it does. */
const UNKNOWN_WORK = 20;

/** Names the locks of this page's workers. */
let count = 0;

/** One worker, and the calls it has yet to answer. Once closed or crashed it stays so. */
export class Link {
  /** Resolves when the worker's script runs; rejects with `network` when it does not come. */
  readonly here: Promise<void>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onCrash: (death: Death, link: Link) => void;
  /** Aborted calls that the worker still works on. */
  readonly #stopping = new Set<number>();
  /** Results that the worker keeps for the page. */
  readonly #results = new Set<number>();
  readonly #lock = `unnoise ${Math.random()} ${count++}`;
  #arrived: (() => void) | undefined;
  #overdue: ReturnType<typeof setTimeout> | undefined;
  readonly #patience: number;
  #looking: ReturnType<typeof setInterval> | undefined;
  #looked = 0;
  /** Milliseconds since the worker was heard of. */
  #silent = 0;
  #lastAbort = 0;
  #nextId = 1;
  #grace = GRACE.cpu;
  #retired = false;
  #ended: UnnoiseError | undefined;
  #death: Death | undefined;

  /**
   * @param script where the worker's script is, and within how long it has to be there
   * @param onCrash called once when the worker dies by itself, before its calls are rejected
   */
  constructor(
    { url, patience = PATIENCE }: WorkerScript,
    onCrash: (death: Death, link: Link) => void = () => undefined,
  ) {
    this.#onCrash = onCrash;
    this.#patience = patience;
    this.#worker = (platform.startWorker ?? startWorker)(url);
    this.here = new Promise((resolve, reject) => {
      this.#arrived = resolve;
      this.#pending.set(0, { resolve, reject });
    });
    this.here.catch(() => undefined);
    this.#overdue = setTimeout(() => {
      this.#crash("script", `it stalled: nothing came for ${patience / 1000} seconds`);
    }, patience);
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#crash(
        this.#arrived ? "script" : "trap",
        event.message || "no server has it, or a policy forbids it",
      );
    };
    this.#worker.onmessageerror = () => {
      this.#crash("trap", "a message from the worker cannot be read");
    };
    this.#post({ kind: "live", lock: this.#lock });
  }

  /**
   * Calls the worker. An abort rejects at once; the worker hears of it and does not begin what it has not begun.
   *
   * @throws `UnnoiseError`
   */
  call<K extends CallName>(
    kind: K,
    args: Calls[K]["args"],
    hooks: Hooks = {},
    transfer: Transferable[] = [],
  ): Promise<Calls[K]["value"]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { signal } = hooks;
    if (signal?.aborted) return Promise.reject(canceled(signal));
    const id = this.#nextId++;
    return new Promise<Calls[K]["value"]>((resolve, reject) => {
      const onAbort = () => {
        this.#giveUp(id, canceled(signal));
      };
      signal?.addEventListener("abort", onAbort);
      const settled = () => signal?.removeEventListener("abort", onAbort);
      this.#pending.set(id, {
        ...hooks,
        resolve(value) {
          settled();
          resolve(value as Calls[K]["value"]);
        },
        reject(error) {
          settled();
          reject(error);
        },
      });
      this.#post({ id, kind, args } as Request, transfer);
      this.#watch();
    });
  }

  /** Whether the worker is gone. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** How it died, where it died by itself. */
  get death(): Death | undefined {
    return this.#death;
  }

  /** Notes that the worker computes on a GPU. */
  usesGpu(): void {
    this.#grace = GRACE.gpu;
  }

  /** Notes that the page holds a result. */
  retain(result: number): void {
    this.#results.add(result);
  }

  /** Lets the worker free a result. */
  release(result: number): void {
    if (this.#results.delete(result)) this.drop(result);
    if (this.#retired) this.#leave();
  }

  /** Lets the worker free a job that is not gone on with. */
  drop(job: number): void {
    if (!this.#ended) this.#post({ kind: "release", job });
  }

  /** Waits a moment for aborted calls to end. One that is deep in a large tile does not; resolves to whether it is so. */
  async stuck(): Promise<boolean> {
    const busy = () => !this.#ended && this.#stopping.size > 0;
    while (busy() && performance.now() < this.#lastAbort + this.#grace) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return busy();
  }

  /** Ends the worker as soon as nothing is lost by it: results that the page holds are. */
  retire(): void {
    this.#retired = true;
    this.#leave();
  }

  /** Ends the worker; what it has yet to answer is rejected with `error`, and so is every later call. */
  close(error: UnnoiseError): void {
    if (this.#ended) return;
    this.#ended = error;
    clearTimeout(this.#overdue);
    clearInterval(this.#looking);
    this.#worker.terminate();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  /** Looks after the worker for as long as it has something to answer. */
  #watch(): void {
    if (this.#pending.size === 1) this.#silent = 0;
    if (this.#looking !== undefined) return;
    this.#looked = performance.now();
    this.#looking = setInterval(() => {
      this.#look();
    }, LOOK_EVERY);
  }

  /** Gives up a worker that is there and says nothing: it is in an endless loop, or waits for what does not come. */
  #look(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
      return;
    }
    const now = performance.now();
    // Time in which the machine slept, or the browser held this page, is nobody's silence.
    this.#silent += Math.min(now - this.#looked, 2 * LOOK_EVERY);
    this.#looked = now;
    // Until the script is there, its own time limit is what counts.
    if (this.#arrived || this.#silent < this.#mostSilence()) return;
    const seconds = Math.round(this.#silent / 1000);
    const death = this.#grace === GRACE.gpu ? "gpu" : "gone";
    this.#crash(death, `its worker said nothing for ${seconds} seconds`);
  }

  /** It is not known which of the calls the worker is at. */
  #mostSilence(): number {
    const limits = [...this.#pending.values()].map(({ silence }) =>
      silence === undefined ? UNKNOWN_WORK * this.#patience : Math.max(silence, this.#patience),
    );
    return Math.max(...limits);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #giveUp(id: number, error: UnnoiseError): void {
    this.#post({ kind: "cancel", id });
    this.#stopping.add(id);
    this.#lastAbort = performance.now();
    this.#take(id)?.reject(error);
  }

  #leave(): void {
    if (this.#pending.size === 0 && this.#results.size === 0) this.close(canceled());
  }

  #crash(death: Death, message: string): void {
    if (this.#ended) return;
    this.#death = death;
    this.#onCrash(death, this);
    this.close(errorOf(death, message));
  }

  /** The script runs. Its lock comes free when it ends, and only then. */
  #arrive(locked: boolean): void {
    clearTimeout(this.#overdue);
    this.#arrived = undefined;
    this.#take(0)?.resolve(undefined);
    if (!locked) return;
    const ended = () => {
      this.#crash("gone", "its worker ended without a word");
    };
    void navigator.locks.request(this.#lock, ended).catch(() => undefined);
  }

  #settle(id: number, value: Calls[CallName]["value"]): void {
    const pending = this.#take(id);
    if (pending) pending.resolve(value);
    // It was aborted while the answer was on its way, so nobody knows of the job.
    else if ("job" in value) this.drop(value.job);
  }

  #receive(reply: Reply): void {
    this.#silent = 0;
    switch (reply.kind) {
      case "here":
        this.#arrive(reply.locked);
        break;
      case "crashed":
        this.#crash(reply.memory ? "memory" : reply.gpu ? "gpu" : "trap", reply.message);
        break;
      case "done":
        this.#stopping.delete(reply.id);
        this.#settle(reply.id, reply.value);
        break;
      case "failed":
        this.#stopping.delete(reply.id);
        this.#take(reply.id)?.reject(new UnnoiseError(reply.code, reply.message));
        break;
      case "progress":
        this.#tell(reply.id, reply.progress);
        break;
    }
    if (this.#retired) this.#leave();
  }

  #tell(id: number, progress: Step): void {
    try {
      this.#pending.get(id)?.onProgress?.(progress);
    } catch (thrown) {
      this.#giveUp(id, UnnoiseError.from(thrown));
    }
  }
}

/** What calls are rejected with that a worker did not answer any more. */
function errorOf(death: Death, message: string): UnnoiseError {
  switch (death) {
    case "script":
      return new UnnoiseError("network", `The worker's script cannot be loaded (${message}).`);
    case "memory":
      return new UnnoiseError(
        "too-large",
        "There is not enough memory: take a smaller photo, or close other pages.",
      );
    default:
      return new UnnoiseError("internal", `The engine crashed (${message}); the next call starts a new one.`);
  }
}
