/** Downloads kept in Cache Storage. Where that is denied (private windows, sandboxes, plain http), nothing is kept. */
const NAME = "unnoise-weights";

/** A file of weights that is kept. */
export interface CachedFile {
  /** Where it came from. */
  readonly url: string;
  /** Its size. */
  readonly bytes: number;
}

async function opened(): Promise<Cache | undefined> {
  try {
    return await caches.open(NAME);
  } catch {
    return undefined;
  }
}

/** The bytes kept for a URL. */
export async function cached(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const response = await (await opened())?.match(url);
    return response && new Uint8Array(await response.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** Keeps the bytes of a URL, if there is room. */
export async function keep(url: URL, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.length) };
  try {
    await (await opened())?.put(url, new Response(bytes, { headers }));
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
