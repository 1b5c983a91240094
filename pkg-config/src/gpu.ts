/** The machine's GPU as the engine finds it. */

/** Milliseconds before an adapter is asked for the last time. */
const MOMENT = 300;

/**
 * An adapter, or `null` when there is none. Browsers that are still waking the GPU have said so once and found one a
 * moment later, and some have none for a preference only.
 */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  // A request may throw where the GPU is blocked; that is "none" as well.
  const ask = (options?: GPURequestAdapterOptions) =>
    GPU.prototype.requestAdapter.call(gpu, options).catch(() => null);
  const preferred = await ask({ powerPreference: "high-performance" });
  const found = preferred ?? (await ask());
  if (found) return found;
  await new Promise((resolve) => setTimeout(resolve, MOMENT));
  return ask();
}

/**
 * Hands the engine this adapter, whatever it asks for.
 *
 * cubecl panics where an adapter has no `timestamp-query`, which only its profiler needs and browsers need not offer.
 * Nothing is profiled here, so the engine is told that it is there, and the device is made without.
 */
export function lendAdapter(gpu: GPU, adapter: GPUAdapter): void {
  const clock = "timestamp-query";
  if (!adapter.features.has(clock)) {
    const request = adapter.requestDevice.bind(adapter);
    const features = new Set([...adapter.features, clock]);
    const requestDevice = (wanted: GPUDeviceDescriptor = {}) => {
      const requiredFeatures = [...(wanted.requiredFeatures ?? [])].filter((feature) => feature !== clock);
      return request({ ...wanted, requiredFeatures });
    };
    Object.defineProperties(adapter, {
      features: { value: features },
      requestDevice: { value: requestDevice },
    });
  }
  Object.defineProperty(gpu, "requestAdapter", { value: () => Promise.resolve(adapter), configurable: true });
}
