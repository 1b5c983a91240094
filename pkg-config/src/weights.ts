import { absolute, folder, readBody, request, type ByteProgress } from "./download.js";
import { UnnoiseError, throwIfAborted } from "./errors.js";
import type { ModelCard, WeightsInput } from "./types.js";

/** Where to take weights from. */
export interface WeightsOptions {
  /** The caller's own; default: the file that ships with the package. */
  readonly weights: WeightsInput | undefined;
  /** Folder of the shipped files, when not beside the package. */
  readonly weightsUrl: string | URL | undefined;
  readonly onProgress: ByteProgress;
  readonly signal: AbortSignal | undefined;
}

/**
 * The bytes of the weights for `card`. Shipped files are checked against the card; the caller's own are checked by
 * the engine when it loads them.
 *
 * @throws `UnnoiseError` `weights`, `network` or `canceled`
 */
export async function loadWeights(
  card: ModelCard,
  options: WeightsOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  if (options.weights !== undefined) return loadOwn(options.weights, options);
  if (!card.weights) {
    const message = `No weights ship for ${card.title}: give your own as "weights".`;
    throw new UnnoiseError("weights", message);
  }
  const { file } = card.weights;
  const url = options.weightsUrl
    ? new URL(file, folder(options.weightsUrl))
    : shippedUrl(file.replace(/\.safetensors$/, ""));
  const bytes = await fetchBytes(url, options);
  await check(bytes, card.weights, url);
  return bytes;
}

/** A template with a fixed folder and ending is what bundlers understand: they copy the folder's files. */
function shippedUrl(name: string): URL {
  return new URL(`../weights/${name}.safetensors`, import.meta.url);
}

async function loadOwn(input: WeightsInput, options: WeightsOptions): Promise<Uint8Array<ArrayBuffer>> {
  throwIfAborted(options.signal);
  if (typeof input === "string" || input instanceof URL) {
    return fetchBytes(absolute(input), options);
  }
  // Own bytes are copied: the caller may do with the array what it likes afterwards.
  if (input instanceof Uint8Array) return new Uint8Array(input);
  if (input instanceof ArrayBuffer) return new Uint8Array(input.slice(0));
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer());
  throw new UnnoiseError("option", "Weights are a File, a Blob, a URL, an ArrayBuffer or a Uint8Array.");
}

async function fetchBytes(url: URL, options: WeightsOptions): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, options.signal);
  return readBody(response, options.onProgress, options.signal);
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
