import { cached, keep, cache as kept } from "./cache.js";
import { absolute, downloaded, folder, type ByteProgress } from "../shared/download.js";
import { UnnoiseError, messageOf, throwIfAborted } from "../shared/errors.js";
import { weightsUrls } from "../shipped.js";
import type { ModelCard } from "../shared/contract.js";
import type { WeightsInput } from "../shared/types.js";

/** What a caller may want to hear and say while weights download. */
export interface WeightsHooks {
  readonly onProgress: ByteProgress;
  readonly signal: AbortSignal | undefined;
  /** Whether to look into the browser's cache, and to keep there what was checked. */
  readonly cache: boolean;
  /** Milliseconds without progress after which a download is given up. */
  readonly patience: number | undefined;
}

/** What is known about a file beforehand. */
interface Expected {
  readonly bytes?: number;
  readonly sha256: string;
}

/**
 * The bytes of the weights that ship for `card`, checked against it.
 *
 * @param weightsUrl the file, or the folder of the files, when not beside the package
 * @throws `UnnoiseError` `weights`, `network` or `canceled`
 */
export async function loadShipped(
  card: ModelCard,
  weightsUrl: string | URL | undefined,
  hooks: WeightsHooks,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!card.weights) {
    const message = `No weights ship for ${card.title}: give your own as "weights".`;
    throw new UnnoiseError("weights", message);
  }
  const { file } = card.weights;
  const url = weightsUrl === undefined ? weightsUrls[file]?.() : fileAt(weightsUrl, file);
  if (!url) {
    const how = `import url from "unnoise-weights/${card.id}" and give weightsUrl: url`;
    const message = `The weights of ${card.title} are in the package unnoise-weights: ${how}.`;
    throw new UnnoiseError("weights", message);
  }
  return fetchChecked(url, card.weights, hooks);
}

/** The file that a caller names, or the one of this name in the folder that it names. */
function fileAt(url: string | URL, file: string): URL {
  const given = absolute(url);
  return given.pathname.endsWith(".safetensors") ? given : new URL(file, folder(url));
}

/**
 * The bytes of the caller's own weights; the engine checks them when it loads them.
 *
 * @throws `UnnoiseError` `option`, `network`, `weights` when the SHA-256 differs, or `canceled`
 */
export async function loadOwn(
  input: WeightsInput,
  sha256: string | undefined,
  hooks: WeightsHooks,
): Promise<Uint8Array<ArrayBuffer>> {
  throwIfAborted(hooks.signal);
  if (typeof input === "string" || input instanceof URL) {
    const url = absolute(input);
    return sha256 === undefined ? fetchBytes(url, undefined, hooks) : fetchChecked(url, { sha256 }, hooks);
  }
  const bytes = await given(input);
  if (sha256 !== undefined) await check(bytes, { sha256 }, "This");
  return bytes;
}

async function given(input: Exclude<WeightsInput, string | URL>): Promise<Uint8Array<ArrayBuffer>> {
  // Own bytes are copied: the caller may do with the array what it likes afterwards.
  if (input instanceof Uint8Array) return new Uint8Array(input);
  if (input instanceof ArrayBuffer) return new Uint8Array(input.slice(0));
  if (input instanceof Blob) {
    const bytes = await input.arrayBuffer().catch((cause: unknown) => {
      const message = `This file of weights cannot be read (${messageOf(cause)}): was it moved, or is it a folder?`;
      throw new UnnoiseError("weights", message, { cause });
    });
    return new Uint8Array(bytes);
  }
  throw new UnnoiseError("option", "Weights are a File, a Blob, a URL, an ArrayBuffer or a Uint8Array.");
}

/** From the cache, or from the network and then kept. */
async function fetchChecked(
  url: URL,
  expected: Expected,
  hooks: WeightsHooks,
): Promise<Uint8Array<ArrayBuffer>> {
  const known = hooks.cache ? await cached(url) : undefined;
  throwIfAborted(hooks.signal);
  if (known && (await mismatch(known, expected)) === undefined) {
    hooks.onProgress(known.length, known.length);
    throwIfAborted(hooks.signal);
    return known;
  }
  // Another version of the file, or a damaged one.
  if (known) await kept.delete(url);
  const bytes = await fetchBytes(url, expected.bytes, hooks);
  await check(bytes, expected, url.href);
  if (hooks.cache) await keep(url, bytes);
  throwIfAborted(hooks.signal);
  return bytes;
}

async function fetchBytes(
  url: URL,
  size: number | undefined,
  { onProgress, signal, patience }: WeightsHooks,
): Promise<Uint8Array<ArrayBuffer>> {
  const told = (loaded: number, total: number | undefined) => {
    onProgress(loaded, total ?? size);
  };
  return downloaded(url, told, { signal, patience });
}

async function check(bytes: Uint8Array<ArrayBuffer>, expected: Expected, name: string): Promise<void> {
  const what = await mismatch(bytes, expected);
  if (what === undefined) return;
  throw new UnnoiseError("weights", `${name} is not the weights file it should be: ${what}.`);
}

/** How bytes differ from what is known about them. */
async function mismatch(bytes: Uint8Array<ArrayBuffer>, expected: Expected): Promise<string | undefined> {
  if (expected.bytes !== undefined && bytes.length !== expected.bytes) {
    return `it has ${bytes.length} bytes instead of ${expected.bytes}`;
  }
  // Pages on plain http have no `subtle`; the engine's own checks remain.
  const subtle = (crypto as { subtle?: SubtleCrypto }).subtle;
  if (!subtle) return undefined;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex === expected.sha256.toLowerCase() ? undefined : "its SHA-256 is another one";
}
