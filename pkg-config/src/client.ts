import { absolute, folder } from "./download.js";
import { UnnoiseError, canceled, throwIfAborted } from "./errors.js";
import { toSource } from "./input.js";
import { Link, type Hooks } from "./link.js";
import { findModel } from "./models.js";
import type { Calls, OpenArgs, OpenedEngine, PostedWasm } from "./protocol.js";
import { DenoiseResult } from "./result.js";
import type {
  CreateOptions,
  DecodedPhoto,
  DenoiseOptions,
  DeviceChoice,
  EngineInfo,
  ImageInput,
  ModelCard,
  WasmSource,
} from "./types.js";
import { loadOwn, loadShipped } from "./weights.js";

const ADAPTS: readonly string[] = ["auto", "plain", "pd2", "pd3", "pd4", "pd5", "r3"];
const DEVICES: readonly string[] = ["auto", "webgpu", "flex", "ndarray"];

/** A worker with its engine running. */
interface Session {
  readonly link: Link;
  readonly engine: OpenedEngine;
  readonly card: ModelCard;
}

/**
 * A network, ready on a device, in a worker of its own.
 *
 * Should the engine crash (out of memory, GPU lost), the calls under way are rejected with `internal`, and the next
 * call starts a new worker by itself; after a crash on WebGPU that `auto` chose, on the CPU.
 */
export class Denoiser {
  /** Known from the start, or as soon as the weights were recognised. */
  #card: ModelCard | undefined;
  readonly #device: DeviceChoice;
  readonly #wasm: OpenArgs["wasm"];
  #link: Link | undefined;
  #weights: Uint8Array<ArrayBuffer> | undefined;
  #session: Promise<Session> | undefined;
  #engine: OpenedEngine | undefined;
  #gpuFailure: string | undefined;
  #disposed = false;

  private constructor(card: ModelCard | undefined, options: CreateOptions) {
    this.#card = card;
    this.#device = checkDevice(options.device ?? "auto");
    this.#wasm = postedWasm(options.wasmUrl);
  }

  /**
   * Downloads engine and weights (from beside this package, unless told otherwise), and starts them. The network of
   * own weights is recognised by them, unless it is named.
   *
   * @throws `UnnoiseError` `model`, `weights`, `device`, `network`, `option`, `canceled`, `internal`
   */
  static async create(options: CreateOptions = {}): Promise<Denoiser> {
    throwIfAborted(options.signal);
    const { model, weights, signal, onProgress } = options;
    const recognise = model === undefined && weights !== undefined;
    const denoiser = new Denoiser(recognise ? undefined : findModel(model), options);
    const hooks = {
      onProgress: (loaded: number, total: number | undefined) =>
        onProgress?.({ phase: "weights", loaded, total }),
      signal,
    };
    const bytes =
      weights === undefined
        ? loadShipped(findModel(model), options.weightsUrl, hooks)
        : loadOwn(weights, hooks);
    try {
      await denoiser.#connect(bytes, { signal, onProgress });
      return denoiser;
    } catch (thrown) {
      denoiser.dispose();
      throw UnnoiseError.from(thrown);
    }
  }

  /** What really runs: device, why, adapter, model, version. */
  info(): EngineInfo {
    if (!this.#engine || !this.#card) throw disposedError();
    return { ...this.#engine, model: this.#card.id };
  }

  /**
   * Decodes a photo as `denoise` will, for showing it. Works while a photo is being denoised.
   *
   * @throws `UnnoiseError` `decode`, `unsupported`, `too-large`, `network`, `canceled`, `internal`
   */
  async decode(input: ImageInput, options: { signal?: AbortSignal } = {}): Promise<DecodedPhoto> {
    const source = await toSource(input, options.signal);
    const { link } = await this.#live();
    const { rgba, ...photo } = await link.call("decode", { source }, options);
    return { ...photo, image: new ImageData(new Uint8ClampedArray(rgba.buffer), photo.width) };
  }

  /**
   * Denoises a photo. Calls run one after the other.
   *
   * @throws `UnnoiseError` as `decode`, and `option`, `device`
   */
  async denoise(input: ImageInput, options: DenoiseOptions = {}): Promise<DenoiseResult> {
    const runOptions = checkRunOptions(options);
    const source = await toSource(input, options.signal);
    const { link, engine, card } = await this.#live();
    const args = { source, options: runOptions, tiles: options.onTile !== undefined };
    const transfer = source.kind === "rgba" ? [source.data.buffer] : [];
    const done = await link.call("denoise", args, options, transfer).catch((error: unknown) => {
      void this.#reap(link);
      throw error;
    });
    const info = { ...engine, model: card.id, ...done.run };
    return DenoiseResult.of(link, done.result, { ...done, scale: card.scale }, info);
  }

  /** Ends the worker and frees all it held, results included. Calls under way are rejected with `canceled`. */
  dispose(): void {
    this.#disposed = true;
    this.#engine = undefined;
    this.#weights = undefined;
    this.#link?.close(disposedError());
    this.#session = undefined;
  }

  /** The worker; another one where the last one crashed, or is stuck in a call that was aborted. */
  async #live(): Promise<Session> {
    if (this.#link) await this.#reap(this.#link);
    if (this.#disposed || !this.#weights) throw disposedError();
    return this.#session ?? this.#connect(Promise.resolve(this.#weights), {});
  }

  async #reap(link: Link): Promise<void> {
    if ((await link.reap()) && this.#link === link) this.#session = undefined;
  }

  #connect(weights: Promise<Uint8Array<ArrayBuffer>>, hooks: Hooks): Promise<Session> {
    const session = this.#open(weights, hooks);
    this.#session = session;
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }

  /** Starts a worker: its engine downloads while the weights do. */
  async #open(weights: Promise<Uint8Array<ArrayBuffer>>, hooks: Hooks): Promise<Session> {
    const link = new Link(() => {
      this.#crashed();
    });
    this.#link = link;
    const stop = () => {
      link.close(canceled(hooks.signal));
    };
    hooks.signal?.addEventListener("abort", stop);
    try {
      const args = { device: this.#device, gpuFailure: this.#gpuFailure, wasm: this.#wasm };
      const [engine, bytes] = await Promise.all([link.call("open", args, hooks), weights]);
      const { model } = await link.call("load", { model: this.#card?.id, weights: bytes }, hooks);
      const card = findModel(model);
      this.#card = card;
      this.#weights = bytes;
      this.#engine = engine;
      return { link, engine, card };
    } catch (thrown) {
      const error = UnnoiseError.from(thrown);
      link.close(error);
      throw error;
    } finally {
      hooks.signal?.removeEventListener("abort", stop);
    }
  }

  #crashed(): void {
    this.#session = undefined;
    if (this.#engine?.device === "webgpu") {
      this.#gpuFailure = "WebGPU failed on this machine a moment ago, so the CPU is used.";
    }
  }
}

function disposedError(): UnnoiseError {
  return new UnnoiseError("canceled", "This denoiser was disposed of.");
}

function checkDevice(device: DeviceChoice): DeviceChoice {
  if (DEVICES.includes(device)) return device;
  throw new UnnoiseError("option", `There is no device "${device}"; there are: ${DEVICES.join(", ")}.`);
}

function checkRunOptions({
  strength,
  tile,
  seed,
  adapt,
}: DenoiseOptions): Calls["denoise"]["args"]["options"] {
  if (strength !== undefined && !(strength >= 0 && strength <= 1)) {
    throw new UnnoiseError("option", `strength is ${strength}; it goes from 0 to 1.`);
  }
  if (tile !== undefined && !(Number.isInteger(tile) && tile > 0)) {
    throw new UnnoiseError("option", `tile is ${tile}; it is a whole number of pixels.`);
  }
  if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw new UnnoiseError("option", `seed is ${seed}; it is a whole number from 0 to 2^32 - 1.`);
  }
  if (adapt !== undefined && !ADAPTS.includes(adapt)) {
    throw new UnnoiseError("option", `There is no mode "${adapt}"; there are: ${ADAPTS.join(", ")}.`);
  }
  return {
    ...(strength === undefined ? {} : { strength }),
    ...(tile === undefined ? {} : { tile }),
    ...(seed === undefined ? {} : { seed }),
    ...(adapt === undefined ? {} : { adapt }),
  };
}

/** The caller's wasm sources with every URL made absolute: the worker's base is another one. */
function postedWasm(source: CreateOptions["wasmUrl"]): OpenArgs["wasm"] {
  if (source === undefined) return {};
  if (typeof source === "string" || source instanceof URL) {
    const base = folder(source);
    return {
      cpu: new URL("cpu/unnoise_bg.wasm", base).href,
      full: new URL("full/unnoise_bg.wasm", base).href,
    };
  }
  const posted = (one: WasmSource): PostedWasm =>
    typeof one === "string" || one instanceof URL ? absolute(one).href : one;
  return {
    ...(source.cpu === undefined ? {} : { cpu: posted(source.cpu) }),
    ...(source.full === undefined ? {} : { full: posted(source.full) }),
  };
}
