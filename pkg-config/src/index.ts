/**
 * Image denoising that runs in the browser, and in Node.
 *
 * ```js
 * import { Denoiser } from "unnoise";
 *
 * const denoiser = await Denoiser.create();
 * const result = await denoiser.denoise(file);
 * image.src = URL.createObjectURL(await result.blob());
 * ```
 *
 * @packageDocumentation
 */
export { cache, type CachedFile } from "./main/cache.js";
export { Denoiser, preload } from "./main/client.js";
export { UnnoiseError, type ErrorCode } from "./shared/errors.js";
export { models, objectives } from "./main/models.js";
export { DenoiseResult } from "./main/result.js";
export { Stack, type StackOptions, StackPage } from "./main/stack.js";
export {
  FineTuning,
  type BestSoFar,
  type FineTuneOptions,
  type FineTuned,
  type TuningProgress,
} from "./main/tuning.js";
export type {
  Adapt,
  AdaptMode,
  Bundled,
  ChannelNoise,
  Correlation,
  DefaultObjectives,
  LearningProgress,
  LevelNoise,
  ModelCard,
  NoiseEstimate,
  NoiseField,
  NoiseModel,
  NoiseSummary,
  ObjectiveCard,
  Paper,
  Phase,
  Preset,
  Steps,
} from "./shared/contract.js";
export type { Area } from "./shared/protocol.js";
export type {
  CreateOptions,
  DecodedPhoto,
  DenoiseOptions,
  Device,
  DeviceAlias,
  DeviceChoice,
  EngineInfo,
  FloatPixels,
  ImageInput,
  ImageType,
  PhotoNoise,
  Progress,
  RawPixels,
  RunInfo,
  Step,
  Tile,
  WasmSource,
  WasmSources,
  WeightsInput,
} from "./shared/types.js";
