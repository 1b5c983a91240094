import type { Block, Task, TrainingOptions } from "../shared/protocol.js";
import type { LearningProgress } from "../main/tuning.js";
import type { AdaptMode, ModelCard, NoiseEstimate } from "../shared/types.js";

/** A photo in wasm memory; whoever holds it frees it. */
export interface WasmPhoto {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly hasAlpha: boolean;
  readonly bitDepth: number;
  /** What is seen as black and as white, in the numbers of the file. */
  readonly range: Float32Array;
  rgba(): Uint8Array;
  float32(): Float32Array;
  encode(format: "png" | "jpeg" | "webp" | "tiff", quality?: number): Uint8Array;
  /** A new photo from `original` (strength 0) to this one (1), with a share of the detail given back. */
  blend(original: WasmPhoto, strength: number, detail: number): WasmPhoto;
  free(): void;
}

/** An image file in wasm memory; whoever holds it frees it. */
export interface WasmImageFile {
  readonly pictures: number;
  /** What they are called, e.g. "5 pages". */
  readonly count: string;
  readonly notes: string[];
  picture(index: number): WasmPhoto;
  /** The same. Uses the file up: it must not be freed afterwards. */
  intoPicture(index: number): WasmPhoto;
  free(): void;
}

/** A TIFF that is written page by page. */
export interface WasmStackWriter {
  add(photo: WasmPhoto): void;
  /** Uses the writer up: it must not be freed afterwards. */
  finish(): Uint8Array;
  free(): void;
}

/** A rectangle that has become final. */
export interface WasmTile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** One photo on its way through the network. */
export interface WasmJob {
  readonly tiles: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly overlap: number;
  /** See `RunInfo`. */
  readonly adapt: string;
  readonly noise: NoiseEstimate;
  readonly run: unknown;
  overview(): Block | undefined;
  task(index: number): Task;
  place(index: number, block: Block): WasmTile;
  /** What a user should know of the result, when all tiles are done. */
  readonly note: string | undefined;
  /** Uses the job up: it must not be freed afterwards. */
  finish(): WasmPhoto;
  free(): void;
}

/** Denoises tiles of a job elsewhere. */
export interface WasmTileWorker {
  denoise(task: Task): Promise<Block>;
  free(): void;
}

/** A run of fine-tuning. */
export interface WasmTrainer {
  readonly progress: LearningProgress;
  step(): Promise<LearningProgress | undefined>;
  preview(x: number, y: number, width: number, height: number): Promise<Uint8Array>;
  free(): void;
}

/** What came of fine-tuning. */
export interface WasmAdopted {
  readonly kept: boolean;
  weights(): Uint8Array;
  free(): void;
}

/** A device with a network on it. */
export interface WasmEngine {
  readonly device: string;
  /** Keeps the network it had when it throws. */
  load(model: string, weights: Uint8Array): void;
  /** Rejects with `device` when the GPU gives something else than the CPU for a small tile. */
  verify(): Promise<void>;
  random(model: string, preset: string, seed: bigint): void;
  worker(run: unknown, overview: Block | undefined): WasmTileWorker;
  begin(
    photo: WasmPhoto,
    options: { tile?: number; strength?: number; seed?: number; adapt?: AdaptMode },
  ): WasmJob;
  /** Uses the photos up: they must not be freed afterwards. */
  train(shots: WasmPhoto[], clean: WasmPhoto[], options: TrainingOptions): WasmTrainer;
  /** Uses the trainer up. */
  adopt(trainer: WasmTrainer, base: string): Promise<WasmAdopted>;
  export(): Promise<Uint8Array>;
  free(): void;
}

/** What both wasm artifacts export, once initialised. */
export interface Wasm {
  default(options: {
    module_or_path: string | URL | Response | BufferSource | WebAssembly.Module;
  }): Promise<unknown>;
  cards(): ModelCard[];
  version(): string;
  /** Id of the card whose network these weights are of. */
  recognise(weights: Uint8Array): string;
  Photo: {
    fromRgba(width: number, height: number, rgba: Uint8Array): WasmPhoto;
  };
  ImageFile: { open(bytes: Uint8Array): WasmImageFile };
  StackWriter: new () => WasmStackWriter;
  Engine: { create(device: string): Promise<WasmEngine> };
}
