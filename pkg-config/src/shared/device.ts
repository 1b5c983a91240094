import { UnnoiseError } from "./errors.js";
import { findAdapter } from "./gpu.js";
import type { Device, DeviceChoice } from "./types.js";

/** The device to use, and why. */
export interface DeviceDecision {
  readonly device: Device;
  /** One sentence. */
  readonly reason: string;
  /** Name of the GPU adapter, when one was found. */
  readonly adapter: string | undefined;
}

/** A decision, with the adapter where it is for the GPU. */
export interface Chosen {
  readonly decision: DeviceDecision;
  readonly gpu?: GPUAdapter | undefined;
}

/** An adapter, or the words for why it cannot be used. */
interface Probe {
  readonly found?: GPUAdapter;
  readonly name: string | undefined;
  readonly software: boolean;
  /** What is missing, or `undefined` when there is an adapter. */
  readonly problem: string | undefined;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|microsoft basic render|warp/i;

/**
 * Decides what computes. `auto` is WebGPU on real hardware, else flex: a software GPU is many times slower than flex.
 * Asked for by name, WebGPU may be software too.
 *
 * @param gpuFailure why WebGPU is not to be tried again, after it failed on this page
 * @throws `UnnoiseError` `device` when `webgpu` is asked for and cannot be had
 */
export async function chooseDevice(choice: DeviceChoice, gpuFailure: string | undefined): Promise<Chosen> {
  if (choice === "flex" || choice === "ndarray") {
    return { decision: { device: choice, reason: "It was asked for.", adapter: undefined } };
  }
  if (choice === "auto" && gpuFailure !== undefined) {
    return { decision: { device: "flex", reason: gpuFailure, adapter: undefined } };
  }
  const { name: adapter, software, problem, found: gpu } = await probeGpu();
  if (choice === "webgpu") {
    if (problem !== undefined) throw new UnnoiseError("device", problem);
    return { decision: { device: "webgpu", reason: "It was asked for.", adapter }, gpu };
  }
  if (problem !== undefined) return { decision: { device: "flex", reason: problem, adapter } };
  if (software) {
    const reason = `The only WebGPU adapter here is software (${adapter ?? "unnamed"}), which is slower than the CPU path.`;
    return { decision: { device: "flex", reason, adapter } };
  }
  return { decision: { device: "webgpu", reason: "WebGPU runs on this machine's GPU.", adapter }, gpu };
}

async function probeGpu(): Promise<Probe> {
  const without = (problem: string): Probe => ({ name: undefined, software: false, problem });
  // They are typed as always there, which they are not.
  const { navigator, isSecureContext } = globalThis as {
    navigator?: { gpu?: GPU };
    isSecureContext?: boolean;
  };
  const gpu = navigator?.gpu;
  if (!gpu) {
    return without(
      isSecureContext === false
        ? "WebGPU needs a secure page (https, or localhost)."
        : "There is no WebGPU here.",
    );
  }
  const adapter = await findAdapter(gpu);
  if (!adapter) return without("WebGPU finds no adapter on this machine.");
  const { info } = adapter;
  const words = [info.vendor, info.architecture, info.device, info.description].filter(Boolean);
  const name = words.join(" ") || undefined;
  const software = isFallback(adapter) || SOFTWARE.test(words.join(" "));
  return { name, software, problem: undefined, found: adapter };
}

/** The flag moved from the adapter to its info; browsers have one or the other. */
function isFallback(adapter: GPUAdapter): boolean {
  const old = (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  return old ?? adapter.info.isFallbackAdapter;
}
