import { UnnoiseError, canceled } from "./errors.js";
import type { CallName, Calls, Reply, Request } from "./protocol.js";
import type { Progress } from "./types.js";

/** What a caller may want to hear and say while a call runs. */
export interface Hooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

interface Pending extends Hooks {
  resolve(value: unknown): void;
  reject(error: UnnoiseError): void;
}

/** How long a worker may take to answer an aborted call, milliseconds. */
const GRACE = 1000;

/** One worker, and the calls it has yet to answer. Once closed or crashed it stays so. */
export class Link {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onCrash: () => void;
  /** Aborted calls that the worker still works on. */
  readonly #stopping = new Set<number>();
  /** Results that the worker keeps for the page. */
  readonly #results = new Set<number>();
  #lastAbort = 0;
  #nextId = 1;
  #ended: UnnoiseError | undefined;

  /** @param onCrash called once when the worker dies by itself, before its calls are rejected */
  constructor(onCrash: () => void = () => undefined) {
    this.#onCrash = onCrash;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), {
      type: "module",
      name: "unnoise",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#crash(event.message || "the worker script cannot be loaded");
    };
    this.#worker.onmessageerror = () => {
      this.#crash("a message from the worker cannot be read");
    };
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
        this.#post({ kind: "cancel", id });
        this.#stopping.add(id);
        this.#lastAbort = performance.now();
        this.#take(id)?.reject(canceled(signal));
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
    });
  }

  /** Whether the worker is gone. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Notes that the page holds a result. */
  retain(result: number): void {
    this.#results.add(result);
  }

  /** Lets the worker free a result. */
  release(result: number): void {
    if (this.#results.delete(result)) this.drop(result);
  }

  /** Lets the worker free a job that is not gone on with. */
  drop(job: number): void {
    if (!this.#ended) this.#post({ kind: "release", job });
  }

  /**
   * Waits a moment for aborted calls to end. One that is deep in a large tile does not; then, if nothing else would
   * be lost, the worker is ended. Resolves to whether it was.
   */
  async reap(): Promise<boolean> {
    while (this.#stopping.size > 0 && performance.now() < this.#lastAbort + GRACE) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (this.#ended || this.#stopping.size === 0) return false;
    if (this.#pending.size > 0 || this.#results.size > 0) return false;
    this.close(canceled());
    return true;
  }

  /** Ends the worker; what it has yet to answer is rejected with `error`, and so is every later call. */
  close(error: UnnoiseError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#worker.terminate();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #crash(message: string): void {
    if (this.#ended) return;
    const error = new UnnoiseError(
      "internal",
      `The engine crashed (${message}); the next call starts a new one.`,
    );
    this.#onCrash();
    this.close(error);
  }

  #settle(id: number, value: Calls[CallName]["value"]): void {
    const pending = this.#take(id);
    if (pending) pending.resolve(value);
    // It was aborted while the answer was on its way, so nobody knows of the job.
    else if ("job" in value) this.drop(value.job);
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case "crashed":
        this.#crash(reply.message);
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
        this.#pending.get(reply.id)?.onProgress?.(reply.progress);
        break;
    }
  }
}
