/**
 * Downloads kept in Cache Storage. Where that is denied (private windows, sandboxes, plain http) or does not answer,
 * nothing is kept.
 */
import { within } from "../shared/errors.js";

const NAME = "unnoise-weights";
/** Milliseconds within which the browser's storage has to answer. */
const ANSWER = 3000;

/** A file of weights that is kept. */
export interface CachedFile {
  /** Where it came from. */
  readonly url: string;
  /** Its size. */
  readonly bytes: number;
}

async function opened(): Promise<Cache | undefined> {
  try {
    return await within(ANSWER, caches.open(NAME));
  } catch {
    return undefined;
  }
}

/** The bytes kept for a URL. */
export async function cached(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await within(ANSWER, found(url));
  } catch {
    return undefined;
  }
}

async function found(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await (await opened())?.match(url);
  return response && new Uint8Array(await response.arrayBuffer());
}

/** Keeps the bytes of a URL, if there is room. */
export async function keep(url: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.length) };
  try {
    const store = await opened();
    if (store) await within(ANSWER, store.put(url, new Response(bytes, { headers })));
  } catch {
    // The next visit downloads again, that is all.
  }
}

/** The weights that are kept in this browser for pages of this origin. */
export const cache = {
  /** What is kept. */
  async list(): Promise<CachedFile[]> {
    const store = await opened();
    if (!store) return [];
    const files = (await store.keys()).map(async (request) => {
      const response = await store.match(request);
      return { url: request.url, bytes: Number(response?.headers.get("content-length")) };
    });
    return Promise.all(files);
  },

  /** Deletes what is kept of a URL, or everything; tells whether there was something. */
  async delete(url?: string | URL): Promise<boolean> {
    try {
      if (url === undefined) return await caches.delete(NAME);
      return (await (await opened())?.delete(url)) ?? false;
    } catch {
      return false;
    }
  },
};
