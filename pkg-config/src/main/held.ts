/** The weights that a denoiser holds, to go on with when its worker has crashed. */
import { absolute } from "../shared/download.js";
import { UnnoiseError } from "../shared/errors.js";
import { findModel } from "./models.js";
import type { NetworkWeights } from "../shared/protocol.js";
import type { CreateOptions, WeightsInput } from "../shared/types.js";
import { loadOwn, loadShipped, type WeightsHooks } from "./weights.js";

/** Weights, and what they are called in the notes of those that are tuned from them. */
export interface HeldWeights {
  readonly weights: NetworkWeights;
  readonly name: string;
}

/**
 * The weights that a denoiser is asked to be created with.
 *
 * @throws `UnnoiseError` `option`, `weights`, `network` or `canceled`
 */
export async function loadHeld(options: CreateOptions, hooks: WeightsHooks): Promise<HeldWeights> {
  const { model, weights, weightsUrl, sha256, preset, seed = 0 } = options;
  if (preset !== undefined) {
    if (weights !== undefined) {
      throw new UnnoiseError("option", "weights and preset exclude each other: a preset has random weights.");
    }
    if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
      throw new UnnoiseError("option", `seed is ${seed}; it is a whole number from 0 to 2^32 - 1.`);
    }
    return { weights: { preset, seed }, name: `random weights, ${preset}` };
  }
  if (weights !== undefined) {
    return { weights: await loadOwn(weights, sha256, hooks), name: nameOf(weights) };
  }
  const card = findModel(model);
  return { weights: await loadShipped(card, weightsUrl, hooks), name: card.weights?.file ?? card.id };
}

/** Whether these are the bytes of a safetensors file: a length of eight bytes, then JSON. */
export function isSafetensors(weights: NetworkWeights): weights is Uint8Array<ArrayBuffer> {
  return weights instanceof Uint8Array && weights[8] === "{".charCodeAt(0);
}

function nameOf(weights: WeightsInput): string {
  if (weights instanceof File) return weights.name;
  if (typeof weights !== "string" && !(weights instanceof URL)) return "own weights";
  return absolute(weights).pathname.replace(/.*\//, "") || "own weights";
}

/** Weights as a file to be saved. */
export function fileOf(weights: Uint8Array<ArrayBuffer>): Blob {
  return new Blob([weights], { type: "application/octet-stream" });
}
