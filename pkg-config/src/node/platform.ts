/** The package in Node (20 and later), and in what is like it. */
import { readFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Platform } from "../shared/platform.js";
import { startThread } from "./thread.js";

/** Addresses as opposed to paths; `C:` is a disk. */
const ADDRESS = /^[a-z][a-z\d+.-]+:/i;

/** `ImageData` as browsers have it. */
class Pixels implements ImageData {
  readonly colorSpace = "srgb";
  readonly pixelFormat = "rgba-unorm8";
  readonly height: number;

  constructor(
    readonly data: Uint8ClampedArray<ArrayBuffer>,
    readonly width: number,
  ) {
    this.height = data.length / (4 * width);
  }
}

export const node: Platform = {
  startWorker: (url) =>
    startThread(url === undefined ? new URL("./worker.js", import.meta.url) : new URL(url)),
  absolute: (url) =>
    typeof url === "string" && !ADDRESS.test(url) ? pathToFileURL(resolve(url)) : new URL(url),
  async fetch(url, signal) {
    if (!url.startsWith("file:")) return fetch(url, { signal });
    const bytes = await readFile(fileURLToPath(url), { signal });
    return new Response(bytes, { headers: { "content-length": String(bytes.length) } });
  },
  isElsewhere: () => false,
  machine: () => ({ cores: availableParallelism(), gigabytes: totalmem() / 2 ** 30 }),
  imageData: (rgba, width) => new Pixels(rgba, width),
};
