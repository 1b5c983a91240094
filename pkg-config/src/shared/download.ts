import { UnnoiseError, canceled, messageOf } from "./errors.js";
import { platform } from "./platform.js";

/** How long a download may go without progress unless told otherwise, milliseconds. */
export const PATIENCE = 30_000;

/** What ends a download. */
export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without progress. */
  readonly patience?: number | undefined;
}

/** Called with the bytes so far, and in all where the server says so. */
export type ByteProgress = (loaded: number, total: number | undefined) => void;

/** Absolute form of a URL that a caller gave, relative to the page; in Node also of a path. */
export function absolute(url: string | URL): URL {
  try {
    return platform.absolute(url);
  } catch (cause) {
    throw new UnnoiseError("option", `"${String(url)}" is not a URL.`, { cause });
  }
}

/** The same URL, ending in a slash, so that file names can be resolved in it. */
export function folder(url: string | URL): URL {
  const result = absolute(url);
  if (!result.pathname.endsWith("/")) result.pathname += "/";
  return result;
}

/** A download under way, which is given up when nothing comes of it for a while. */
export class Download {
  readonly url: string;
  readonly #patience: number;
  readonly #caller: AbortSignal | undefined;
  readonly #abort = new AbortController();
  #stalled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string | URL, { signal, patience = PATIENCE }: DownloadOptions) {
    this.url = String(url);
    this.#patience = patience;
    this.#caller = signal;
    signal?.addEventListener("abort", this.#stop);
    if (signal?.aborted) this.#stop();
    this.progress();
  }

  /**
   * The answer, of which the body is yet to come; whoever reads it says so by {@link Download.progress}, and when it is
   * there by {@link Download.end}.
   *
   * @throws `UnnoiseError` `network` when there is no answer or one that is not 2xx, `canceled` on abort
   */
  async response(): Promise<Response> {
    const response = await platform.fetch(this.url, this.#abort.signal).catch((cause: unknown) => {
      throw this.failure(cause);
    });
    this.progress();
    if (response.ok) return response;
    this.end();
    throw new UnnoiseError("network", `${this.url} cannot be fetched (HTTP ${response.status}).`);
  }

  /** Something has come: the waiting begins anew. */
  progress(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stalled = true;
      this.#abort.abort();
    }, this.#patience);
  }

  /** All has come, or nothing will. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#stop);
  }

  /** The error for what went wrong with it. */
  failure(cause: unknown): UnnoiseError {
    this.end();
    if (cause instanceof UnnoiseError) return cause;
    if (this.#caller?.aborted) return canceled(this.#caller);
    if (this.#stalled) {
      const message = `${this.url} stalled: nothing came for ${this.#patience / 1000} seconds.`;
      return new UnnoiseError("network", message, { cause });
    }
    const elsewhere = platform.isElsewhere(this.url);
    const hint = elsewhere ? "; a server of another origin has to allow it by CORS headers" : "";
    const message = `${this.url} cannot be fetched (${messageOf(cause)}${hint}).`;
    return new UnnoiseError("network", message, { cause });
  }

  readonly #stop = (): void => {
    this.#abort.abort(this.#caller?.reason);
  };
}

/** Number of bytes that will come out of the body, if it can be known: the header counts compressed bytes. */
export function bodySize(response: Response): number | undefined {
  if (response.headers.has("content-encoding")) return undefined;
  const length = Number(response.headers.get("content-length"));
  return length > 0 ? length : undefined;
}

/**
 * Downloads a URL, telling how far it is.
 *
 * @throws `UnnoiseError` `network`, `canceled`
 */
export async function downloaded(
  url: string | URL,
  onProgress: ByteProgress,
  options: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const download = new Download(url, options);
  const response = await download.response();
  const total = bodySize(response);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      loaded += chunk.length;
      download.progress();
      onProgress(loaded, total);
    }
  } catch (cause) {
    throw download.failure(cause);
  }
  download.end();
  const bytes = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
