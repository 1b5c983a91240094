/** Everything that passes between the page's thread and the worker. Nothing else does. */
import type { ErrorCode } from "./errors.js";
import type { Area, Block, FinalArea, MeasuredNoise, Samples, Task } from "../../wasm/cpu/unnoise.js";
import type { Execution, LearningProgress, RunOptions, RunPlan, TrainingOptions } from "./contract.js";
import type { DeviceChoice, EngineInfo, ImageType, Step } from "./types.js";

export type { Area, Block, FinalArea, MeasuredNoise, Samples, Task };

/** A photo on its way to the worker: a file for the Rust decoder, or pixels. */
export type Source =
  | { readonly kind: "file"; readonly blob: Blob; readonly page?: number }
  /** A page of a stack that the worker keeps. */
  | { readonly kind: "page"; readonly stack: number; readonly page: number }
  | {
      readonly kind: "rgba";
      readonly width: number;
      readonly height: number;
      /** Large ones are a blob, which browsers keep out of the memory of the page. */
      readonly data: Uint8Array<ArrayBuffer> | Blob;
    };

/** The two builds of the engine: `cpu` has flex only, `full` has everything. */
export type Artifact = "cpu" | "relaxed" | "full";

/** A source of wasm that can be posted. */
export type PostedWasm = string | ArrayBuffer | Uint8Array | WebAssembly.Module;

/** What the worker needs to start an engine. */
export interface OpenArgs {
  readonly device: DeviceChoice;
  /** Why WebGPU is not to be tried again, after it failed. */
  readonly gpuFailure: string | undefined;
  readonly wasm: Partial<Record<Artifact, PostedWasm>>;
  /** Bytes of the builds that are beside the package: servers that compress do not say. */
  readonly sizes: Readonly<Record<Artifact, number>>;
  /** Milliseconds without progress after which a download is given up. */
  readonly patience: number | undefined;
}

/** The part of {@link EngineInfo} that is known before there is a network, and the compiled engine, for more workers. */
export interface OpenedEngine {
  readonly info: Omit<EngineInfo, "model">;
  readonly artifact: Artifact;
  readonly module: WebAssembly.Module;
}

/** Random weights: the same numbers make them again. */
export interface RandomWeights {
  readonly preset: string;
  readonly seed: number;
}

/** What a network is loaded from: a file of weights, or nothing but a seed. */
export type NetworkWeights = Uint8Array<ArrayBuffer> | RandomWeights;

/** What a network is to learn from, and how. */
export interface TrainArgs {
  readonly shots: readonly Source[];
  readonly clean: Source | undefined;
  readonly options: TrainingOptions;
}

/** A view of a result that the worker keeps. */
export interface ResultView {
  readonly result: number;
  /** 0 to 1. */
  readonly strength: number;
  /** 0 to 1. */
  readonly detail: number;
}

/** A planned run of the network over a photo. */
export interface BegunJob {
  readonly job: number;
  readonly plan: RunPlan;
  /** See `RunInfo`. */
  readonly adapt: string;
  /** See `RunInfo`. */
  readonly range: readonly [number, number];
  /** See `RunInfo`. */
  readonly notes: readonly string[];
}

/** A job of the worker, and whether the pixels of its tiles are wanted. */
interface JobArgs {
  readonly job: number;
  readonly pixels: boolean;
}

/** The calls the worker answers: what goes in, what comes out. */
export interface Calls {
  open: { args: OpenArgs; value: OpenedEngine };
  /** Without a model, the weights tell which it is. */
  load: { args: { model: string | undefined; weights: NetworkWeights }; value: { model: string } };
  decode: {
    args: { source: Source };
    value: {
      width: number;
      height: number;
      channels: number;
      hasAlpha: boolean;
      bitDepth: number;
      range: readonly [number, number];
      pages: number;
      notes: readonly string[];
      rgba: Uint8Array<ArrayBuffer>;
    };
  };
  /** Opens a stack; its number is that of the call. */
  openStack: { args: { source: Source }; value: { stack: number; pages: number; notes: readonly string[] } };
  /** Adds a result to the file of a stack. */
  collect: { args: ResultView & { stack: number }; value: object };
  /** The collected pages as one TIFF. Collecting begins anew. */
  stackFile: { args: { stack: number }; value: { bytes: Uint8Array<ArrayBuffer> } };
  begin: {
    args: { source: Source; options: RunOptions };
    value: BegunJob;
  };
  /** Denoises a tile; a GPU begins with the one after it. */
  step: { args: JobArgs & { tile: number; next: number | undefined }; value: FinalArea };
  /** What workers that help with a job have to see of the whole photo, if anything. */
  overview: { args: { job: number }; value: { overview: Block | undefined } };
  /** The work for one tile, for another worker, whose answer comes back by `place`. */
  task: { args: { job: number; tile: number }; value: Task };
  place: { args: JobArgs & { tile: number; block: Block }; value: FinalArea };
  /** Puts a tile in place that another worker has finished. */
  restore: { args: { job: number; tile: number; samples: Samples }; value: object };
  /** The result has the number of the job. */
  finish: { args: { job: number }; value: { width: number; height: number; note: string | undefined } };
  /** Readies this worker for tiles of a job elsewhere. */
  help: { args: { execution: Execution; overview: Block | undefined }; value: object };
  infer: { args: { task: Task }; value: Block };
  /** Measures the noise of a photo; an abort ends it within a part. */
  measure: { args: { source: Source }; value: { noise: MeasuredNoise } };
  /** Plans fine-tuning; the run of it is a job as well. */
  train: { args: TrainArgs; value: { job: number; progress: LearningProgress } };
  /** Learns for a while, at least a step; without progress there is nothing left to do. */
  learn: { args: { job: number; milliseconds: number }; value: { progress: LearningProgress | undefined } };
  /** The best weights so far, if any are better than those before training; `base` is what they are noted to come from. */
  best: {
    args: { job: number; base: string };
    value: { weights: Uint8Array<ArrayBuffer> | undefined };
  };
  /** A part of the photo as it would be denoised now. */
  preview: { args: { job: number; area: Area }; value: { rgba: Uint8Array<ArrayBuffer> } };
  /** Ends fine-tuning, and goes on with the network that it made, if it is better; else gives what was learned, if anything. */
  adopt: {
    args: { job: number; base: string };
    value: { kept: boolean; weights: Uint8Array<ArrayBuffer> };
  };
  /** The weights of the network, as safetensors. */
  export: { args: object; value: { weights: Uint8Array<ArrayBuffer> } };
  encode: {
    args: ResultView & { type: ImageType; quality: number | undefined };
    value: Uint8Array<ArrayBuffer>;
  };
  rgba: { args: ResultView; value: Uint8Array<ArrayBuffer> };
  float32: { args: ResultView; value: { channels: number; data: Float32Array } };
}

/** Name of a call. */
export type CallName = keyof Calls;

/** One call, as posted. */
export type CallRequest = {
  [K in CallName]: { readonly id: number; readonly kind: K; readonly args: Calls[K]["args"] };
}[CallName];

/** What the page's thread posts. */
export type Request =
  | CallRequest
  | { readonly kind: "cancel"; readonly id: number }
  /** Frees a job or a result. */
  | { readonly kind: "release"; readonly job: number }
  /** Holds a lock of that name for as long as the worker lives. */
  | { readonly kind: "live"; readonly lock: string };

/** What the worker posts. */
export type Reply =
  | { readonly kind: "done"; readonly id: number; readonly value: Calls[CallName]["value"] }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | { readonly kind: "progress"; readonly id: number; readonly progress: Step }
  /** The script has been loaded; `locked` when the lock of `live` is held. */
  | { readonly kind: "here"; readonly locked: boolean }
  /** The engine is in an unknown state: end this worker. */
  | {
      readonly kind: "crashed";
      readonly message: string;
      readonly gpu: boolean;
      /** Whether its memory could not grow. */
      readonly memory: boolean;
    };
