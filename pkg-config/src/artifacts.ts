/** The builds of the wasm, named from the folder of `worker.ts`: bundlers that copy addresses put all code into one folder. */
import * as cpu from "../wasm/cpu/unnoise.js";
import * as full from "../wasm/full/unnoise.js";
import type { Artifact } from "./shared/protocol.js";

// Both glue modules are imported statically: they are small and do nothing by themselves, and a dynamic import in a
// worker is what bundlers trip over. The URLs are spelt out because that is what bundlers look for.

/** What all builds export; they differ in what is inside of them, which `default` and `initSync` give. */
export type Wasm = Omit<typeof cpu, "default" | "initSync"> & {
  default(options: { module_or_path: cpu.InitInput }): Promise<{ readonly memory: WebAssembly.Memory }>;
};

/** Glue and address of each build. */
export const ARTIFACTS: Record<Artifact, { wasm: Wasm; url: URL }> = {
  cpu: { wasm: cpu, url: new URL("../wasm/cpu/unnoise_bg.wasm", import.meta.url) },
  // The same code but for its arithmetic, so the same glue.
  relaxed: { wasm: cpu, url: new URL("../wasm/relaxed/unnoise_bg.wasm", import.meta.url) },
  full: { wasm: full, url: new URL("../wasm/full/unnoise_bg.wasm", import.meta.url) },
};
