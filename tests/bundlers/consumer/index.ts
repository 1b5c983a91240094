/** Every type of the package in the hands of a consumer who checks strictly, libraries too. */
import {
  Denoiser,
  UnnoiseError,
  cache,
  models,
  type DenoiseOptions,
  type DenoiseResult,
  type ErrorCode,
  type ModelCard,
  type Progress,
} from "unnoise";
import init, { cards } from "unnoise/wasm";

export async function clean(file: File, signal: AbortSignal): Promise<Blob> {
  const onProgress = ({ fraction }: Progress): number => fraction;
  const options: DenoiseOptions = { strength: 0.9, detail: 0.2, signal, onProgress };
  using denoiser = await Denoiser.create({ model: "unet", workers: 2, signal });
  const result: DenoiseResult = await denoiser.denoise(file, options);
  const { device, workers, seconds } = result.info;
  console.log(`${device}, ${workers}: ${seconds.toFixed(1)} s`);
  return result.withStrength(0.8).withDetail(0.1).blob("image/jpeg", 0.9);
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof UnnoiseError ? error.code : undefined;
}

export const shipped: readonly ModelCard[] = models().filter(({ weights }) => weights !== null);

export async function forget(): Promise<boolean> {
  const urls = (await cache.list()).map(({ url }) => url);
  return urls.length > 0 && cache.delete(urls[0]);
}

export async function raw(bytes: ArrayBuffer): Promise<unknown> {
  await init({ module_or_path: bytes });
  return cards();
}

// @ts-expect-error there is no such device
void Denoiser.create({ device: "abacus" });
// @ts-expect-error a photo is not a number
void Denoiser.create().then((denoiser) => denoiser.denoise(42));
