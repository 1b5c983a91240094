/** The machine's GPU as the engine finds it. */
import { messageOf, within } from "./errors.js";

/** Milliseconds before an adapter is asked for the last time. */
const MOMENT = 300;
/** Milliseconds within which there has to be an adapter, and then a device: with the start of the CPU, three seconds. */
const ANSWER = { adapter: 2000, device: 1500 };

/**
 * An adapter, or `null` when there is none, or none in time. Browsers that are still waking the GPU have said so once and
 * found one a moment later, and some have none for a preference only.
 */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  return (await within(ANSWER.adapter, askedFor(gpu))) ?? null;
}

async function askedFor(gpu: GPU): Promise<GPUAdapter | null> {
  // A request may throw where the GPU is blocked, at once or later; that is "none" as well.
  const ask = async (options?: GPURequestAdapterOptions) => {
    try {
      return await GPU.prototype.requestAdapter.call(gpu, options);
    } catch {
      return null;
    }
  };
  const found = (await ask({ powerPreference: "high-performance" })) ?? (await ask());
  if (found) return found;
  await new Promise((resolve) => setTimeout(resolve, MOMENT));
  return ask();
}

/** What becomes of the device that the engine asks an adapter for. */
export interface LentDevice {
  /** Resolves to what went wrong, when there is no device, or none in time. */
  readonly refused: Promise<string>;
  /** Resolves to why, when the device is lost. */
  readonly lost: Promise<string>;
}

/**
 * Hands the engine this adapter, whatever it asks for.
 *
 * cubecl panics where an adapter has no `timestamp-query`, which only its profiler needs and browsers need not offer.
 * Nothing is profiled here, so the engine is told that it is there, and the device is made without.
 */
export function lendAdapter(gpu: GPU, adapter: GPUAdapter): LentDevice {
  const clock = "timestamp-query";
  const hasClock = adapter.features.has(clock);
  const request = adapter.requestDevice.bind(adapter);
  const features = new Set([...adapter.features, clock]);
  let refuse: (why: string) => void = () => undefined;
  let lose: (why: string) => void = () => undefined;
  const refused = new Promise<string>((resolve) => (refuse = resolve));
  const lost = new Promise<string>((resolve) => (lose = resolve));
  const requestDevice = async (wanted: GPUDeviceDescriptor = {}) => {
    const requiredFeatures = [...(wanted.requiredFeatures ?? [])].filter(
      (feature) => feature !== clock || hasClock,
    );
    try {
      const device = await within(ANSWER.device, request({ ...wanted, requiredFeatures }));
      if (!device) throw new Error("it does not answer");
      void device.lost.then(({ message }) => {
        lose(message || "the browser does not say why");
      });
      return device;
    } catch (thrown) {
      refuse(messageOf(thrown));
      throw thrown;
    }
  };
  Object.defineProperties(adapter, {
    ...(hasClock ? {} : { features: { value: features } }),
    requestDevice: { value: requestDevice },
  });
  Object.defineProperty(gpu, "requestAdapter", { value: () => Promise.resolve(adapter), configurable: true });
  return { refused, lost };
}
