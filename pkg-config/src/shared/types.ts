import type { StackPage } from "../main/stack.js";
import type { Adapt, AdaptMode, NoiseEstimate, NoiseModel } from "./contract.js";

/** What computes: the GPU through WebGPU, or one CPU core through the `flex` or `ndarray` backend of burn. */
export type Device = "webgpu" | "flex" | "ndarray";

/** A {@link Device}, or `auto`: WebGPU on real hardware, else `flex`. */
export type DeviceChoice = "auto" | Device;

/** Other names of devices: `gpu` is `webgpu`, `cpu` and `wasm` are `flex`. */
export type DeviceAlias = "gpu" | "cpu" | "wasm";

/** Samples of 8 bits, row by row: RGBA with straight alpha as in `ImageData`, RGB or gray, told by their number. */
export interface RawPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/**
 * A photo. Files and their bytes are read by the package itself, which keeps 16 bit, alpha and colour profile. In Node a
 * string that is no URL is the path of a file.
 */
export type ImageInput =
  | Blob
  | URL
  | string
  | ArrayBuffer
  | Uint8Array
  | RawPixels
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame
  | StackPage;

/** A `.safetensors` file or a checkpoint of PyTorch (`.pth`, `.pt`): itself, its bytes, or where to fetch it. */
export type WeightsInput = Blob | URL | string | ArrayBuffer | Uint8Array;

/** A source for each build of the wasm that may be wanted. Where `relaxed` is missing, `cpu` serves all browsers. */
export interface WasmSources {
  readonly cpu?: WasmSource;
  readonly relaxed?: WasmSource;
  readonly full?: WasmSource;
}

/** Where one of the two `.wasm` files comes from: its URL, its bytes, or the compiled module. */
export type WasmSource = string | URL | ArrayBuffer | Uint8Array | WebAssembly.Module;

/** A step of a call. */
export type Step =
  | {
      /** Downloading the weights, or the engine's `.wasm`. */
      readonly phase: "weights" | "engine";
      /** Bytes so far. */
      readonly loaded: number;
      /** Bytes in all: of the package's own files always, of others where the server says so. */
      readonly total: number | undefined;
    }
  | {
      /** Denoising. */
      readonly phase: "tiles";
      /** Tiles finished. */
      readonly done: number;
      /** Tiles in all. */
      readonly total: number;
      /** Tiles finished, and how much of those under way is by the clock; told between tiles, too. */
      readonly estimated: number;
      /**
       * Seconds to go, about: from the second second on, once a tile is done or this page has seen such a run. A run is of a
       * kind with others of its network, device, `adapt` and number of workers.
       */
      readonly remaining: number | undefined;
    }
  | {
      /**
       * The GPU or the worker was lost, and another one goes on from the last finished tile; or memory is short, and the photo is
       * done in smaller tiles. Said once in a run.
       */
      readonly phase: "restart";
      /** What happened: a sentence. */
      readonly reason: string;
    };

/** How far a call is. */
export type Progress = Step & {
  /** How much of all that the call does is done, 0 to 1; it never falls. */
  readonly fraction: number;
};

/** A part of the result that is final. */
export interface Tile {
  /** Left edge in the result, pixels. */
  readonly x: number;
  /** Top edge in the result, pixels. */
  readonly y: number;
  /** Its pixels, 8-bit RGBA with straight alpha; `image.width` x `image.height`. */
  readonly image: ImageData;
}

/** Options of `Denoiser.create`. */
export interface CreateOptions {
  /**
   * Id of a model card. Default: the one that own `weights` are of, else the card marked `default`. `auto`: on a real GPU
   * `unet-large`, which is better and on the CPU three times slower, else the one marked `default`.
   */
  readonly model?: string | undefined;
  /** Own weights, which must fit the `model` where one is named. Default: the file that ships with the package. */
  readonly weights?: WeightsInput | undefined;
  /** Starts from random weights, to be trained by `fineTune`: one of the presets of the card, in place of `weights`. */
  readonly preset?: string | undefined;
  /** Seed of the random weights of a `preset`, an integer from 0 to 2^32 - 1. Default 0. */
  readonly seed?: number | undefined;
  /** What computes. Default `auto`. */
  readonly device?: DeviceChoice | DeviceAlias | undefined;
  /** SHA-256 of own `weights`, hexadecimal: they are checked against it, and those of a URL are kept in the cache. */
  readonly sha256?: string | undefined;
  /**
   * How many workers share the tiles of a photo on the CPU; it makes no difference to the result. Default: one per
   * core, and per 2 GB of memory that the browser tells of. On WebGPU it is always one.
   */
  readonly workers?: number | undefined;
  /** Whether weights of a known SHA-256 are kept in the browser's Cache Storage, see `cache`. Default true. */
  readonly cache?: boolean | undefined;
  /**
   * Seconds without progress after which a download (engine, weights, photo) is given up. Default 30. A worker that says
   * nothing for that long, and for many times what its work takes, counts as stuck: another one takes its place.
   */
  readonly timeout?: number | undefined;
  /** Called while weights and engine download. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Stops the creation; what was downloaded is dropped. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where the `.wasm` files are, when not beside the package: the URL of a folder that holds `cpu/unnoise_bg.wasm`,
   * `relaxed/unnoise_bg.wasm` and `full/unnoise_bg.wasm`, or a source for each (`cpu` is for `flex`, `relaxed` for `flex`
   * in browsers with relaxed SIMD, which is a quarter faster, `full` for `webgpu` and `ndarray`).
   */
  readonly wasmUrl?: string | URL | WasmSources | undefined;
  /** URL of the worker's script (`dist/worker.js`), when not beside the package. */
  readonly workerUrl?: string | URL | undefined;
  /**
   * URL of the network's file of weights (`.safetensors`), or of the folder with such files, when not beside the package: those of
   * all networks but `unet` and `unet-large` are in the package `unnoise-weights`.
   */
  readonly weightsUrl?: string | URL | undefined;
}

/** Options of `denoise`. */
export interface DenoiseOptions {
  /** From 0 (the photo as it was) to 1 (fully denoised). Default 1. */
  readonly strength?: number | undefined;
  /**
   * From 0 to 1: the share that is given back of the fine luminance which denoising took. Texture returns, and grain with
   * it, but neither blotches nor noise of colour. Tiles are shown without it. Default 0; networks that enlarge have none.
   */
  readonly detail?: number | undefined;
  /** Which page of a stack, from 0; `openStack` takes them all. Default 0, which is said where there are more. */
  readonly page?: number | undefined;
  /** Pixels of a tile at most, overlap included: fewer take less memory and more time. Default: the card's. */
  readonly tile?: number | undefined;
  /** Seed for models that draw random numbers, an integer from 0 to 2^32 - 1. Default 0. */
  readonly seed?: number | undefined;
  /** How the network is run. Default `auto`. */
  readonly adapt?: AdaptMode | undefined;
  /** Stops the run within one tile. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every tile, and several times in between. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called with every tile as it becomes final, to paint it. */
  readonly onTile?: ((tile: Tile) => void) | undefined;
}

/** A photo as decoded, for showing it. */
export interface DecodedPhoto {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Colour channels: 1 (gray) or 3. */
  readonly channels: number;
  readonly hasAlpha: boolean;
  /** Bits per sample: 8, 16, or 32 for float and all else. */
  readonly bitDepth: number;
  /**
   * The numbers of the file that are seen as black and as white. `[0, 255]` for 8 bits; others are stretched where they are
   * no shares of white, as the counts of a microscope.
   */
  readonly range: readonly [number, number];
  /** Pictures in the file: above 1 for a stack, of which this is one. */
  readonly pages: number;
  /** What a user should know: what is missing of the file, or not read. Sentences without their full stop. */
  readonly notes: readonly string[];
  /** The photo in 8-bit RGBA with straight alpha. */
  readonly image: ImageData;
}

/** What really runs. */
export interface EngineInfo {
  /** Version of the package. */
  readonly version: string;
  /** Id of the model card. */
  readonly model: string;
  /** The device that computes. */
  readonly device: Device;
  /** Why it is this device: one sentence. */
  readonly reason: string;
  /** Name of the GPU adapter, when there is one. */
  readonly adapter: string | undefined;
}

/** What ran to make a result. */
export interface RunInfo extends EngineInfo {
  /** How the network was run, in short: `plain`, or the steps of `adaptation`, joined by `+`: `pd2+second-pass+detail+x2`. */
  readonly adapt: string;
  /** How the network was run. */
  readonly adaptation: Adapt;
  /** The noise of the photo. */
  readonly noise: NoiseEstimate;
  /** The numbers of the file that are black and white to the network; deviations of the noise are shares of their distance. */
  readonly range: readonly [number, number];
  /**
   * What a user should know: what is missing of the file or not read, or that the result is brighter or darker than noise
   * explains. Sentences without their full stop.
   */
  readonly notes: readonly string[];
  /** Number of tiles. */
  readonly tiles: number;
  /** Size of the tiles that the network saw, overlap included, pixels. */
  readonly tileWidth: number;
  /** See `tileWidth`. */
  readonly tileHeight: number;
  /** How far each tile reaches into its neighbours, pixels to each side. */
  readonly overlap: number;
  /** Workers that shared the tiles. */
  readonly workers: number;
  /** Time of the run, seconds, without decoding. */
  readonly seconds: number;
  /** `seconds` by the photo's size, seconds per megapixel. */
  readonly secondsPerMegapixel: number;
}

/** The noise of a photo, with something to look at. */
export interface PhotoNoise extends NoiseModel {
  /** A flat part of the photo, as it is and simulated (noise of the model on its mean); none where the photo is too small. */
  readonly patches: { readonly photo: ImageData; readonly simulated: ImageData } | undefined;
}

/** File formats that results are written in. */
export type ImageType = "image/png" | "image/jpeg" | "image/webp" | "image/tiff";

/** Interleaved samples. */
export interface FloatPixels {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Samples per pixel: the colours (1 or 3), and alpha last where there is one. */
  readonly channels: number;
  /** Row by row: 0 to 1 for 8 and 16 bits, others in the units of the file. */
  readonly data: Float32Array;
}
