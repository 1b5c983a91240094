/// <reference lib="esnext.disposable" preserve="true" />
import { chooseDevice } from "../shared/device.js";
import { absolute, folder } from "../shared/download.js";
import { UnnoiseError, canceled, guarded, throwIfAborted, untilAborted } from "../shared/errors.js";
import { Course } from "./course.js";
import { MemoryShort, UNDIVIDED, lighter, noteOf, type Division } from "./division.js";
import { fileOf, isSafetensors, loadHeld, type HeldWeights } from "./held.js";
import { atPage, sourceOn, toSource, type Input } from "./input.js";
import type { Death, Hooks, Link, WorkerScript } from "./link.js";
import { findModel, modelFor } from "./models.js";
import { CREATE, DECODE, DENOISE, FINE_TUNE, MEASURE, checkOptions } from "./options.js";
import { Pace } from "./pace.js";
import { platform } from "../shared/platform.js";
import type { AdaptMode, ModelCard, RunOptions, TrainingOptions } from "../shared/contract.js";
import type { BegunJob, Block, OpenArgs, OpenedEngine, PostedWasm } from "../shared/protocol.js";
import { tellSteps } from "./progress.js";
import { DenoiseResult, checkShare } from "./result.js";
import { DoneTiles, runTiles, type RunHooks } from "./run.js";
import { wasmSizes } from "../shipped.js";
import { Stack } from "./stack.js";
import { WorkerPool, workerCount } from "./pool.js";
import { FineTuning, TuningRun, trainingOptions, type FineTuneOptions, type FineTuned } from "./tuning.js";
import type {
  CreateOptions,
  DecodedPhoto,
  DenoiseOptions,
  DeviceAlias,
  DeviceChoice,
  EngineInfo,
  ImageInput,
  PhotoNoise,
  RunInfo,
  WasmSource,
} from "../shared/types.js";
import { Workers } from "./workers.js";

/** All modes: one that the engine has and this list has not is an error of the compiler. */
const ADAPT_MODES = Object.keys({
  auto: true,
  shared: true,
  plain: true,
  wiener: true,
  x2: true,
  x8: true,
  pd2: true,
  pd3: true,
  pd4: true,
  pd5: true,
  r3: true,
} satisfies Record<AdaptMode, true>);
const DEVICES: readonly string[] = ["auto", "webgpu", "flex", "ndarray"];

/** How many workers a run may lose before it is given up, and how many GPUs before the CPU is used. */
const LIVES = 2;

/** What is known from attempts at a run that failed. */
interface Attempts {
  /** Tiles that are done. */
  readonly kept: DoneTiles;
  readonly division: Division;
  /** What was lost on the way. */
  readonly lost: readonly string[];
}

/** A worker with its engine running. */
interface Session {
  readonly link: Link;
  readonly engine: OpenedEngine;
  readonly card: ModelCard;
  /** Further workers, for tiles. */
  readonly pool: WorkerPool;
}

/**
 * A network, ready on a device, in a worker of its own; large photos get further workers.
 *
 * Should the GPU be lost or the worker end, a photo under way goes on with a new one, from the last finished tile; after a
 * second failure of a GPU that `auto` chose, on the CPU. Where memory is short, the photo is done in smaller tiles, then by one
 * worker. `onProgress` is told once (`restart`), and the result notes it.
 * Where the engine itself crashes again and again (out of memory), the call is rejected with `internal`, and the next one
 * starts a new engine.
 */
export class Denoiser {
  /** Known from the start, or as soon as the weights were recognised. */
  #card: ModelCard | undefined;
  readonly #device: DeviceChoice;
  readonly #wasm: OpenArgs["wasm"];
  readonly #workers: number | undefined;
  readonly #script: WorkerScript;
  readonly #pool: Workers;
  #link: Link | undefined;
  /** The weights in use, and those that it was created with. */
  #weights: HeldWeights | undefined;
  #created: HeldWeights | undefined;
  #session: Promise<Session> | undefined;
  #opened: Session | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #gpuFailure: string | undefined;
  #gpuFailures = 0;
  /** The engine as it was compiled, so that it need not be downloaded again. */
  #compiled: OpenedEngine | undefined;
  readonly #life = new AbortController();

  private constructor(card: ModelCard | undefined, options: CreateOptions) {
    if ((options as unknown) === undefined) {
      throw new UnnoiseError("option", "Write `await Denoiser.create()`, not `new Denoiser()`.");
    }
    this.#card = card;
    this.#device = checkDevice(options.device ?? "auto");
    this.#wasm = postedWasm(options.wasmUrl);
    this.#workers = checkWorkers(options.workers);
    const { workerUrl } = options;
    this.#script = {
      url: workerUrl === undefined ? undefined : absolute(workerUrl).href,
      patience: patienceOf(options),
    };
    this.#pool = new Workers(this.#script, (death, link) => {
      this.#crashed(death, link);
    });
  }

  /**
   * Downloads engine and weights (from beside this package, unless told otherwise), and starts them. The network of
   * own weights is recognised by them, unless it is named.
   *
   * @throws `UnnoiseError` `model`, `weights`, `device`, `network`, `option`, `canceled`, `internal`
   */
  static async create(options: CreateOptions = {}): Promise<Denoiser> {
    checkOptions("create", options, CREATE);
    throwIfAborted(options.signal);
    const { weights, cache = true, signal } = options;
    const onProgress = tellSteps(guarded("onProgress", options.onProgress));
    const best = options.model === "auto" && weights === undefined ? bestModel(options.device) : undefined;
    const { model, noGpu } = best ? await untilAborted(best, signal) : named(options.model);
    const recognise = model === undefined && weights !== undefined;
    const denoiser = new Denoiser(recognise ? undefined : findModel(model), options);
    denoiser.#gpuFailure = noGpu;
    const hooks = {
      onProgress: (loaded: number, total: number | undefined) =>
        onProgress?.({ phase: "weights", loaded, total }),
      signal,
      cache,
      patience: denoiser.#script.patience,
    };
    try {
      await denoiser.#connect(loadHeld({ ...options, model }, hooks), { signal, onProgress });
      return denoiser;
    } catch (thrown) {
      denoiser.dispose();
      throw UnnoiseError.from(thrown);
    }
  }

  /** What really runs: device, why, adapter, model, version. */
  info(): EngineInfo {
    if (!this.#opened) throw disposedError();
    const { engine, card } = this.#opened;
    return { ...engine.info, model: card.id };
  }

  /**
   * Decodes a photo as `denoise` will, for showing it. Works while a photo is being denoised.
   *
   * @throws `UnnoiseError` `decode`, `unsupported`, `too-large`, `network`, `canceled`, `internal`
   */
  async decode(
    input: ImageInput,
    options: { signal?: AbortSignal; page?: number } = {},
  ): Promise<DecodedPhoto> {
    checkOptions("decode", options, DECODE);
    const given = atPage(await this.#given(input, options.signal), options.page);
    const { link } = await this.#live();
    const source = await sourceOn(link, given);
    const { rgba, ...photo } = await link.call("decode", { source }, options);
    return { ...photo, image: platform.imageData(new Uint8ClampedArray(rgba.buffer), photo.width) };
  }

  /**
   * Denoises a photo. Calls run one after the other.
   *
   * @throws `UnnoiseError` as `decode`, and `option`, `device`
   */
  async denoise(input: ImageInput, options: DenoiseOptions = {}): Promise<DenoiseResult> {
    checkOptions("denoise", options, DENOISE);
    const args = checkRunOptions(options);
    const source = this.#given(input, options.signal);
    // At once, so that calls run in the order in which they were made, however long their photos take to come.
    const mine = this.#inTurn(async () => this.#denoise(atPage(await source, options.page), args, options));
    await source;
    return untilAborted(mine, options.signal);
  }

  /**
   * How long `denoise` will take for this photo with these options, seconds without decoding; `undefined` before this page
   * has denoised anything on this device, with this network and mode.
   *
   * @throws `UnnoiseError` as `denoise`
   */
  async estimate(input: ImageInput, options: DenoiseOptions = {}): Promise<number | undefined> {
    checkOptions("estimate", options, DENOISE);
    const { args } = checkRunOptions(options);
    const hooks = { signal: options.signal };
    const given = atPage(await this.#given(input, options.signal), options.page);
    const session = await this.#live();
    const { link, engine, card } = session;
    const begun = await link.call("begin", { source: await sourceOn(link, given), options: args }, hooks);
    link.drop(begun.job);
    return new Pace(engine, card, begun, this.#helperCount(session, begun.plan.tiles)).seconds;
  }

  /**
   * Opens a file of several pictures, to denoise them one by one: see {@link Stack}. Files of one picture are stacks of one.
   *
   * @throws `UnnoiseError` as `decode`
   */
  async openStack(input: ImageInput, options: { signal?: AbortSignal } = {}): Promise<Stack> {
    checkOptions("openStack", options, DECODE);
    const source = await this.#given(input, options.signal);
    const { link } = await this.#live();
    return Stack.open(link, await sourceOn(link, source), options, (page, run) => this.denoise(page, run));
  }

  /**
   * What the noise of a photo is like, measured where the network's result is flat, without learning: strength by brightness,
   * spectrum, correlation, impulses, lines, and a flat patch beside a simulated one. Of a large photo parts are looked at, so
   * it takes about as long for any. Takes its turn among the calls of `denoise`.
   *
   * ```js
   * const noise = await denoiser.noiseModel(photo);
   * await denoiser.fineTune(another, { noise: noise.json });
   * ```
   *
   * @throws `UnnoiseError` as `decode`, and `option` for a network that enlarges and for photos smaller than 16x16 pixels
   */
  async noiseModel(
    input: ImageInput,
    options: { signal?: AbortSignal; page?: number } = {},
  ): Promise<PhotoNoise> {
    checkOptions("noiseModel", options, MEASURE);
    const source = this.#given(input, options.signal);
    const mine = this.#inTurn(async () => this.#measure(atPage(await source, options.page), options));
    await source;
    return untilAborted(mine, options.signal);
  }

  /**
   * Fine-tunes the network on a noisy photo (or several with noise of one kind): it learns from the photo alone, and is judged by
   * parts that it does not learn from. Afterwards the denoiser has the best network of the run, or the one from before
   * where none was better. Takes its turn among the calls of `denoise`.
   *
   * What is returned can be awaited, iterated over, paused and stopped. It rejects with `UnnoiseError` as `denoise` does,
   * and the network stays as it was.
   */
  fineTune(photo: ImageInput | readonly ImageInput[], options: FineTuneOptions = {}): FineTuning {
    const run = new TuningRun(options, this.#life.signal);
    const { signal } = run;
    const tune = async () => {
      checkOptions("fineTune", options, FINE_TUNE);
      const training = trainingOptions(options);
      const shots = Promise.all(
        [photo].flat().map(async (shot) => atPage(await this.#given(shot, signal), options.page)),
      );
      const clean = options.clean === undefined ? undefined : this.#given(options.clean, signal);
      const mine = this.#inTurn(async () => this.#fineTune(await shots, await clean, training, run));
      await Promise.all([shots, clean]);
      return untilAborted(mine, signal);
    };
    return new FineTuning(run, tune());
  }

  /**
   * The weights in use as a safetensors file: the tuned ones, or those that it was created with.
   *
   * @throws `UnnoiseError` `canceled`, `device`, `internal`
   */
  async exportWeights(): Promise<Blob> {
    const held = this.#weights?.weights;
    const bytes =
      held && isSafetensors(held) ? held : (await (await this.#live()).link.call("export", {})).weights;
    return fileOf(bytes);
  }

  /**
   * Goes back to the weights that it was created with. Takes its turn among the calls of `denoise`.
   *
   * @throws `UnnoiseError` `canceled`, `internal`
   */
  revert(): Promise<void> {
    return this.#inTurn(async () => {
      const session = await this.#live();
      if (!this.#created || this.#weights === this.#created) return;
      await session.link.call("load", { model: session.card.id, weights: this.#created.weights });
      this.#hold(session, this.#created);
    });
  }

  /** Ends the workers and frees all they held, results included. Calls under way are rejected with `disposed`. */
  dispose(): void {
    this.#life.abort(disposedError());
    this.#opened?.pool.close();
    this.#opened = undefined;
    this.#weights = undefined;
    this.#created = undefined;
    this.#compiled = undefined;
    this.#pool.close(disposedError());
    this.#session = undefined;
  }

  /** `using denoiser = await Denoiser.create()` disposes of it at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As {@link dispose}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  /** Denoises a photo; with another worker where one is lost. */
  async #denoise(source: Input, run: CheckedOptions, options: DenoiseOptions): Promise<DenoiseResult> {
    const hooks = {
      signal: options.signal,
      onProgress: tellSteps(guarded("onProgress", options.onProgress)),
      onTile: guarded("onTile", options.onTile),
    };
    let kept = new DoneTiles();
    let division = UNDIVIDED;
    const lost: string[] = [];
    const tell = (thrown: unknown) => {
      if (lost.length > 0 || division !== UNDIVIDED) return;
      hooks.onProgress?.({ phase: "restart", reason: UnnoiseError.from(thrown).message });
    };
    for (;;) {
      throwIfAborted(options.signal);
      const session = await this.#live();
      try {
        return await this.#attempt(session, source, run, hooks, { kept, division, lost });
      } catch (thrown) {
        const { death } = session.link;
        const next = thrown instanceof MemoryShort ? lighter(division, thrown.plan) : undefined;
        if (next && !options.signal?.aborted) {
          tell(thrown);
          [division, kept] = [next, new DoneTiles()];
          continue;
        }
        // A trap may be the photo's own doing; when no tile is done, it would only come again.
        const vain =
          death === "script" || death === "memory" || (death === "trap" && kept.tiles.length === 0);
        const hopeless = !death || vain;
        if (hopeless || lost.length === LIVES || options.signal?.aborted || !this.#weights) throw thrown;
        tell(thrown);
        lost.push(death === "gpu" ? "the GPU was lost on the way" : "the worker was lost on the way");
      }
    }
  }

  async #attempt(
    session: Session,
    given: Input,
    { detail, args }: CheckedOptions,
    hooks: RunHooks,
    { kept, division, lost }: Attempts,
  ): Promise<DenoiseResult> {
    const { link, engine, card } = session;
    if (detail > 0) checkEnlarges(card);
    const signal = { signal: hooks.signal };
    const source = await sourceOn(link, given);
    const { tile = args.tile } = division;
    const divided = tile === undefined ? args : { ...args, tile };
    const begun = await link.call("begin", { source, options: divided }, signal);
    const start = performance.now();
    let helpers: readonly Link[] = [];
    try {
      if (!division.alone) helpers = await this.#helpers(session, begun.plan.tiles);
      const pace = new Pace(engine, card, begun, helpers.length);
      await runTiles(link, begun, helpers, pace, kept, hooks);
      const size = await link.call("finish", { job: begun.job }, signal);
      const run = ran(begun, helpers.length, performance.now() - start, size, card);
      const restarted = lost[0] && `${lost[0]}: ${engine.info.device} went on from there`;
      const notes = [...run.notes, restarted, noteOf(division)].filter((note) => note !== undefined);
      const info = { ...engine.info, model: card.id, ...run, notes };
      return DenoiseResult.of(link, begun.job, { ...size, scale: card.scale }, info, detail);
    } catch (thrown) {
      link.drop(begun.job);
      void this.#leave(link);
      const isShort = [link, ...helpers].some(({ death }) => death === "memory");
      throw isShort ? new MemoryShort(thrown, begun.plan) : thrown;
    } finally {
      session.pool.rest(begun.plan.tiles);
    }
  }

  async #measure(given: Input, { signal }: { signal?: AbortSignal }): Promise<PhotoNoise> {
    throwIfAborted(signal);
    const { link } = await this.#live();
    const source = await sourceOn(link, given);
    const { model, photo, simulated } = (await link.call("measure", { source }, { signal })).noise;
    const patches = photo && simulated && { photo: pictureOf(photo), simulated: pictureOf(simulated) };
    return { ...model, patches };
  }

  async #fineTune(
    given: readonly Input[],
    clean: Input | undefined,
    options: TrainingOptions,
    run: TuningRun,
  ): Promise<FineTuned> {
    const course = new Course(options);
    for (;;) {
      throwIfAborted(run.signal);
      const session = await this.#live();
      try {
        return await this.#learn(session, given, clean, course, run);
      } catch (thrown) {
        const { message } = UnnoiseError.from(thrown);
        if (run.signal.aborted || !this.#weights || !course.resume(session.link.death, message)) throw thrown;
      }
    }
  }

  /** Learns in this worker: from the best network so far, where an earlier worker has found one. */
  async #learn(
    session: Session,
    given: readonly Input[],
    clean: Input | undefined,
    course: Course,
    run: TuningRun,
  ): Promise<FineTuned> {
    const { link, engine, card } = session;
    const original = this.#weights;
    const base = original?.name ?? card.id;
    const from = course.best;
    let job: number | undefined;
    let adopted = false;
    course.enter(engine.info.device);
    try {
      if (from) await link.call("load", { model: card.id, weights: from.weights }, run);
      if (!from || !course.isOver) {
        const shots = await Promise.all(given.map((shot) => sourceOn(link, shot)));
        const args = { shots, clean: clean && (await sourceOn(link, clean)), options: course.options };
        const planned = await link.call("train", args, run);
        job = planned.job;
        // So that the worker is not ended while nothing but this, paused, would be lost.
        link.retain(job);
        course.take(planned.progress);
        await run.learn(link, { job, scale: card.scale, base }, course);
      }
      run.commit();
      course.isEnding = true;
      const end =
        job === undefined ? undefined : await link.call("adopt", { job, base }, { silence: run.silence });
      const weights = end?.kept ? end.weights : course.best?.weights;
      adopted = weights !== undefined;
      if (weights) this.#hold(session, { weights, name: `${base}, tuned` });
      const { objective, bestStep, step: steps, noise, scores, simulated, margin, seconds } = course.last;
      const learned = adopted || !end || end.weights.length === 0 ? undefined : fileOf(end.weights);
      const told = { objective, bestStep, steps, noise, scores, simulated, margin, seconds, learned };
      return { ...engine.info, model: card.id, kept: adopted, ...told, notes: course.notes };
    } finally {
      if (job !== undefined) link.release(job);
      if (from && !adopted && original) {
        link.call("load", { model: card.id, weights: original.weights }).catch(() => undefined);
      }
      void this.#leave(link);
    }
  }

  /** Goes on with other weights, which the worker has already; its helpers have to start anew. */
  #hold(session: Session, held: HeldWeights): void {
    const { engine, card } = session;
    session.pool.close();
    this.#weights = held;
    this.#opened = { ...session, pool: this.#tilePool(engine, card.id, held) };
    this.#session = Promise.resolve(this.#opened);
  }

  /** Does something when all that was asked for before is done. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Workers to share the tiles, if that makes sense. */
  async #helpers(session: Session, tiles: number): Promise<readonly Link[]> {
    const count = this.#helperCount(session, tiles);
    return count > 0 ? session.pool.gather(count) : [];
  }

  #helperCount({ engine }: Session, tiles: number): number {
    const count = Math.min(tiles, workerCount(engine.info.device, this.#workers));
    return count < 2 ? 0 : count;
  }

  #tilePool(engine: OpenedEngine, model: string, { weights }: HeldWeights): WorkerPool {
    return new WorkerPool({ engine, model, weights, script: this.#script });
  }

  /** What was given, as it is posted. */
  #given(input: ImageInput, signal: AbortSignal | undefined): Promise<Input> {
    return toSource(input, { signal, patience: this.#script.patience });
  }

  /** The worker; another one where the last one crashed, or is stuck in a call that was aborted. */
  async #live(): Promise<Session> {
    if (this.#link) await this.#leave(this.#link);
    if (!this.#weights) throw disposedError();
    return this.#session ?? this.#connect(Promise.resolve(this.#weights), {});
  }

  /** Turns away from a worker that is stuck in a call that was aborted, if there is another one. */
  async #leave(link: Link): Promise<void> {
    if (!(await link.stuck()) || this.#link !== link) return;
    if (!(await this.#pool.prepare()) || this.#link !== link) return;
    this.#session = undefined;
    this.#link = this.#pool.take();
    // At once, so that the next call finds it ready.
    if (this.#weights) this.#connect(Promise.resolve(this.#weights), {}).catch(() => undefined);
    void this.#pool.leave(link);
  }

  #connect(weights: Promise<HeldWeights>, hooks: Hooks): Promise<Session> {
    const session = this.#open(weights, hooks);
    this.#session = session;
    session.then(
      () => {
        this.#session = session;
      },
      () => {
        if (this.#session === session) this.#session = undefined;
      },
    );
    return session;
  }

  /** Starts a worker: its engine downloads while the weights do. A GPU that fails is tried once more. */
  async #open(weights: Promise<HeldWeights>, hooks: Hooks): Promise<Session> {
    const link = this.#link && !this.#session && !this.#link.ended ? this.#link : this.#pool.take();
    this.#link = link;
    const stop = () => {
      link.close(canceled(hooks.signal));
    };
    hooks.signal?.addEventListener("abort", stop);
    try {
      const [engine, held] = await Promise.all([link.call("open", this.#openArgs(), hooks), weights]);
      if (engine.info.device === "webgpu") link.usesGpu();
      this.#compiled = engine;
      const { model } = await link.call("load", { model: this.#card?.id, weights: held.weights }, hooks);
      const card = findModel(model);
      throwIfAborted(this.#life.signal);
      this.#card = card;
      this.#weights = held;
      this.#created ??= held;
      const session = { link, engine, card, pool: this.#tilePool(engine, model, held) };
      this.#opened?.pool.close();
      this.#opened = session;
      void this.#pool.prepare();
      return session;
    } catch (thrown) {
      const again = link.death === "gpu" && this.#device === "auto" && !hooks.signal?.aborted;
      if (again) return await this.#open(weights, hooks);
      const error = UnnoiseError.from(thrown);
      link.close(error);
      throw error;
    } finally {
      hooks.signal?.removeEventListener("abort", stop);
    }
  }

  #openArgs(): OpenArgs {
    const { artifact, module } = this.#compiled ?? {};
    const wasm = artifact && module ? { ...this.#wasm, [artifact]: module } : this.#wasm;
    const { patience } = this.#script;
    return { device: this.#device, gpuFailure: this.#gpuFailure, wasm, sizes: wasmSizes, patience };
  }

  #crashed(death: Death, link: Link): void {
    if (link !== this.#link) return;
    // While it is opened, whoever opens it sees to that.
    if (this.#opened?.link === link) this.#session = undefined;
    if (death !== "gpu") return;
    this.#gpuFailures += 1;
    if (this.#gpuFailures < LIVES) return;
    this.#gpuFailure = "WebGPU failed on this machine more than once, so the CPU is used.";
  }
}

/**
 * Fetches all that `Denoiser.create` with these options needs, and starts it once, so that it is there, and in the caches of
 * the browser, when it is wanted: worker, engine and weights.
 *
 * @throws `UnnoiseError` as `Denoiser.create`
 */
export async function preload(options: CreateOptions = {}): Promise<void> {
  (await Denoiser.create(options)).dispose();
}

function disposedError(): UnnoiseError {
  return new UnnoiseError("disposed", "This denoiser was disposed of.");
}

/** A model, and why there is no GPU, where that has been found out already. */
interface Named {
  readonly model: string | undefined;
  readonly noGpu?: string;
}

function named(model: string | undefined): Named {
  return { model: model === "auto" ? undefined : model };
}

/** The model that `auto` is on this machine. A software adapter, which may be asked for, is no GPU. */
async function bestModel(asked: DeviceChoice | DeviceAlias = "auto"): Promise<Named> {
  const choice = checkDevice(asked);
  const mayUseGpu = choice === "auto" || choice === "webgpu";
  const { device, reason } = (await chooseDevice(mayUseGpu ? "auto" : choice, undefined)).decision;
  const model = modelFor(device);
  return choice === "auto" && device === "flex" ? { model, noGpu: reason } : { model };
}

function patienceOf({ timeout }: CreateOptions): number | undefined {
  if (timeout === undefined || (timeout > 0 && timeout <= 3600)) return timeout && 1000 * timeout;
  throw new UnnoiseError("option", `timeout is ${timeout}; it is a number of seconds, up to 3600.`);
}

function checkDevice(asked: DeviceChoice | DeviceAlias): DeviceChoice {
  const device = asked === "gpu" ? "webgpu" : asked === "cpu" || asked === "wasm" ? "flex" : asked;
  if (DEVICES.includes(device)) return device;
  throw new UnnoiseError("option", `There is no device "${device}"; there are: ${DEVICES.join(", ")}.`);
}

function checkWorkers(workers: number | undefined): number | undefined {
  if (workers === undefined || (Number.isInteger(workers) && workers > 0 && workers <= 64)) return workers;
  throw new UnnoiseError("option", `workers is ${workers}; it is a whole number from 1 to 64.`);
}

function checkEnlarges({ title, scale }: ModelCard): void {
  if (scale === 1) return;
  throw new UnnoiseError("option", `${title} enlarges: there is no detail of the photo to give back.`);
}

/** The options of a run, checked: for afterwards, and for the engine. */
interface CheckedOptions {
  readonly detail: number;
  readonly args: RunOptions;
}

function checkRunOptions({ strength, detail = 0, tile, seed, adapt }: DenoiseOptions): CheckedOptions {
  if (strength !== undefined) checkShare("strength", strength);
  checkShare("detail", detail);
  if (tile !== undefined && !(Number.isInteger(tile) && tile > 0)) {
    throw new UnnoiseError("option", `tile is ${tile}; it is a whole number of pixels.`);
  }
  if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw new UnnoiseError("option", `seed is ${seed}; it is a whole number from 0 to 2^32 - 1.`);
  }
  if (adapt !== undefined && !ADAPT_MODES.includes(adapt)) {
    throw new UnnoiseError("option", `There is no mode "${adapt}"; there are: ${ADAPT_MODES.join(", ")}.`);
  }
  const args = {
    ...(strength === undefined ? {} : { strength }),
    ...(tile === undefined ? {} : { tile }),
    ...(seed === undefined ? {} : { seed }),
    ...(adapt === undefined ? {} : { adapt }),
  };
  return { detail, args };
}

/** How a run went. */
function ran(
  { plan, adapt, range, notes: before }: BegunJob,
  helpers: number,
  milliseconds: number,
  { width, height, note }: { width: number; height: number; note: string | undefined },
  { scale }: ModelCard,
): Omit<RunInfo, keyof EngineInfo> {
  const seconds = milliseconds / 1000;
  const megapixels = (width * height) / (scale * scale) / 1e6;
  const secondsPerMegapixel = seconds / megapixels;
  const workers = Math.max(1, helpers);
  const { tiles, tileWidth, tileHeight, overlap, noise, execution } = plan;
  const notes = note === undefined ? before : [...before, note];
  return {
    tiles,
    tileWidth,
    tileHeight,
    overlap,
    adapt,
    adaptation: execution.adapt,
    noise,
    range,
    notes,
    workers,
    seconds,
    secondsPerMegapixel,
  };
}

/** Planar samples as a picture. */
function pictureOf({ width, height, data }: Block): ImageData {
  const area = width * height;
  const channels = data.length / area;
  const rgba = new Uint8ClampedArray(4 * area).fill(255);
  for (let i = 0; i < area; i += 1) {
    for (let c = 0; c < 3; c += 1) rgba[4 * i + c] = 255 * (data[Math.min(c, channels - 1) * area + i] ?? 0);
  }
  return platform.imageData(rgba, width);
}

/** The caller's wasm sources with every URL made absolute: the worker's base is another one. */
function postedWasm(source: CreateOptions["wasmUrl"]): OpenArgs["wasm"] {
  if (source === undefined) return {};
  if (typeof source === "string" || source instanceof URL) {
    const base = folder(source);
    return {
      cpu: new URL("cpu/unnoise_bg.wasm", base).href,
      relaxed: new URL("relaxed/unnoise_bg.wasm", base).href,
      full: new URL("full/unnoise_bg.wasm", base).href,
    };
  }
  const posted = (one: WasmSource): PostedWasm =>
    typeof one === "string" || one instanceof URL ? absolute(one).href : one;
  return {
    ...(source.cpu === undefined ? {} : { cpu: posted(source.cpu) }),
    ...(source.relaxed === undefined ? {} : { relaxed: posted(source.relaxed) }),
    ...(source.full === undefined ? {} : { full: posted(source.full) }),
  };
}
