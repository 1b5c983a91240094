import { UnnoiseError, canceled, messageOf } from "./errors.js";

/** Called with the bytes so far, and in all where the server says so. */
export type ByteProgress = (loaded: number, total: number | undefined) => void;

/** Absolute form of a URL that a caller gave, relative to the page. */
export function absolute(url: string | URL): URL {
  const base = typeof document === "undefined" ? location.href : document.baseURI;
  try {
    return new URL(url, base);
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

/**
 * Fetches a URL.
 *
 * @throws `UnnoiseError` `network` when there is no answer or one that is not 2xx, `canceled` on abort
 */
export async function request(url: string | URL, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, signal ? { signal } : {}).catch((cause: unknown) => {
    if (signal?.aborted) throw canceled(signal);
    throw new UnnoiseError("network", `${String(url)} cannot be fetched (${messageOf(cause)}).`, {
      cause,
    });
  });
  if (response.ok) return response;
  throw new UnnoiseError("network", `${String(url)} cannot be fetched (HTTP ${response.status}).`);
}

/** Number of bytes that will come out of the body, if it can be known: the header counts compressed bytes. */
export function bodySize(response: Response): number | undefined {
  if (response.headers.has("content-encoding")) return undefined;
  const length = Number(response.headers.get("content-length"));
  return length > 0 ? length : undefined;
}

/** Reads a body to its end, telling how far it is. */
export async function readBody(
  response: Response,
  onProgress: ByteProgress,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      loaded += chunk.length;
      onProgress(loaded, bodySize(response));
    }
  } catch (cause) {
    if (signal?.aborted) throw canceled(signal);
    const message = `The download of ${response.url} broke off (${messageOf(cause)}).`;
    throw new UnnoiseError("network", message, { cause });
  }
  const bytes = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
