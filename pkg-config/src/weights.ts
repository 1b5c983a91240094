import { absolute, folder, readBody, request, type ByteProgress } from "./download.js";
import { UnnoiseError, throwIfAborted } from "./errors.js";
import type { ModelCard, WeightsInput } from "./types.js";

/** What a caller may want to hear and say while weights download. */
export interface WeightsHooks {
  readonly onProgress: ByteProgress;
  readonly signal: AbortSignal | undefined;
}

/**
 * The bytes of the weights that ship for `card`, checked against it.
 *
 * @param folderUrl folder of the files, when not beside the package
 * @throws `UnnoiseError` `weights`, `network` or `canceled`
 */
export async function loadShipped(
  card: ModelCard,
  folderUrl: string | URL | undefined,
  hooks: WeightsHooks,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!card.weights) {
    const message = `No weights ship for ${card.title}: give your own as "weights".`;
    throw new UnnoiseError("weights", message);
  }
  const { file } = card.weights;
  const url = folderUrl ? new URL(file, folder(folderUrl)) : shippedUrl(file.replace(/\.safetensors$/, ""));
  const bytes = await fetchBytes(url, hooks);
  await check(bytes, card.weights, url);
  return bytes;
}

/** A template with a fixed folder and ending is what bundlers understand: they copy the folder's files. */
function shippedUrl(name: string): URL {
  return new URL(`../weights/${name}.safetensors`, import.meta.url);
}

/**
 * The bytes of the caller's own weights; the engine checks them when it loads them.
 *
 * @throws `UnnoiseError` `option`, `network` or `canceled`
 */
export async function loadOwn(input: WeightsInput, hooks: WeightsHooks): Promise<Uint8Array<ArrayBuffer>> {
  throwIfAborted(hooks.signal);
  if (typeof input === "string" || input instanceof URL) {
    return fetchBytes(absolute(input), hooks);
  }
  // Own bytes are copied: the caller may do with the array what it likes afterwards.
  if (input instanceof Uint8Array) return new Uint8Array(input);
  if (input instanceof ArrayBuffer) return new Uint8Array(input.slice(0));
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer());
  throw new UnnoiseError("option", "Weights are a File, a Blob, a URL, an ArrayBuffer or a Uint8Array.");
}

async function fetchBytes(url: URL, { onProgress, signal }: WeightsHooks): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, signal);
  return readBody(response, onProgress, signal);
}

async function check(
  bytes: Uint8Array<ArrayBuffer>,
  expected: NonNullable<ModelCard["weights"]>,
  url: URL,
): Promise<void> {
  const wrong = (what: string) =>
    new UnnoiseError("weights", `${url.href} is not the weights file it should be: ${what}.`);
  if (bytes.length !== expected.bytes) {
    throw wrong(`it has ${bytes.length} bytes instead of ${expected.bytes}`);
  }
  // Pages on plain http have no `subtle`; the engine's own checks remain.
  const subtle = (crypto as { subtle?: SubtleCrypto }).subtle;
  if (!subtle) return;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== expected.sha256.toLowerCase()) throw wrong("its SHA-256 differs from the model card");
}
