/** What is another thing in a browser than elsewhere. */

/** A place that the package runs in. */
export interface Platform {
  /**
   * Starts a worker where `script.ts` does not. What is here is in the worker, too, which must not name its own script: bundlers
   * that put a worker's modules together would wait for themselves.
   * @param url address of its script, when not beside the package
   */
  startWorker?(url: string | undefined): Worker;
  /** Absolute form of what a caller gave as an address. */
  absolute(url: string | URL): URL;
  fetch(url: string, signal: AbortSignal): Promise<Response>;
  /** Whether a server has to allow that its file is read here. */
  isElsewhere(url: string): boolean;
  machine(): { readonly cores: number; readonly gigabytes: number };
  imageData(rgba: Uint8ClampedArray<ArrayBuffer>, width: number): ImageData;
}

/** Memory that a browser which does not tell is taken to have, GB. */
const USUAL_GB = 4;

/** The browser, unless {@link runOn} has put another one in its place. */
export const platform: Platform = {
  absolute: (url) => new URL(url, typeof document === "undefined" ? location.href : document.baseURI),
  fetch: (url, signal) => fetch(url, { signal }),
  isElsewhere: (url) => new URL(url, location.href).origin !== location.origin,
  machine() {
    const { hardwareConcurrency: cores, deviceMemory: gigabytes = USUAL_GB } = navigator as Navigator & {
      deviceMemory?: number;
    };
    return { cores, gigabytes };
  },
  imageData: (rgba, width) => new ImageData(rgba, width),
};

/** Runs the package somewhere else. */
export function runOn(other: Platform): void {
  Object.assign(platform, other);
}
