/** Everything that passes between the page's thread and the worker. Nothing else does. */
import type { ErrorCode } from "./errors.js";
import type { AdaptMode, DeviceChoice, EngineInfo, ImageType, Progress, RunInfo } from "./types.js";

/** A photo on its way to the worker: a file for the Rust decoder, or pixels. */
export type Source =
  | { readonly kind: "file"; readonly blob: Blob }
  | {
      readonly kind: "rgba";
      readonly width: number;
      readonly height: number;
      readonly data: Uint8Array<ArrayBuffer>;
    };

/** The two builds of the engine: `cpu` has flex only, `full` has everything. */
export type Artifact = "cpu" | "full";

/** A source of wasm that can be posted. */
export type PostedWasm = string | ArrayBuffer | Uint8Array | WebAssembly.Module;

/** What the worker needs to start an engine. */
export interface OpenArgs {
  readonly device: DeviceChoice;
  /** Why WebGPU is not to be tried again, after it failed. */
  readonly gpuFailure: string | undefined;
  readonly wasm: Partial<Record<Artifact, PostedWasm>>;
}

/** The part of {@link EngineInfo} that is known before there is a network. */
export type OpenedEngine = Omit<EngineInfo, "model">;

/** A view of a result that the worker keeps. */
export interface ResultView {
  readonly result: number;
  /** 0 to 1. */
  readonly strength: number;
}

/** The calls the worker answers: what goes in, what comes out. */
export interface Calls {
  open: { args: OpenArgs; value: OpenedEngine };
  /** Without a model, the weights tell which it is. */
  load: { args: { model: string | undefined; weights: Uint8Array }; value: { model: string } };
  decode: {
    args: { source: Source };
    value: {
      width: number;
      height: number;
      channels: number;
      hasAlpha: boolean;
      bitDepth: number;
      rgba: Uint8Array<ArrayBuffer>;
    };
  };
  denoise: {
    args: {
      source: Source;
      options: { strength?: number; tile?: number; seed?: number; adapt?: AdaptMode };
      /** Whether to post the pixels of every tile. */
      tiles: boolean;
    };
    value: { result: number; width: number; height: number; run: Omit<RunInfo, keyof EngineInfo> };
  };
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
  | { readonly kind: "release"; readonly result: number };

/** What the worker posts. */
export type Reply =
  | { readonly kind: "done"; readonly id: number; readonly value: Calls[CallName]["value"] }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
    }
  | { readonly kind: "progress"; readonly id: number; readonly progress: Progress }
  | {
      readonly kind: "tile";
      readonly id: number;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly rgba: Uint8Array<ArrayBuffer>;
    }
  /** The engine is in an unknown state: end this worker. */
  | { readonly kind: "crashed"; readonly message: string };
