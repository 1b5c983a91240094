/** The engine's side: owns the wasm, answers the calls of `protocol.ts`, which are of one tile at most. */
import { UnnoiseError, codeOf, messageOf, within } from "../shared/errors.js";
import { chooseDevice, type DeviceDecision } from "../shared/device.js";
import { artifactFor, loadWasm } from "./engine.js";
import { lendAdapter } from "../shared/gpu.js";
import type {
  CallName,
  CallRequest,
  Calls,
  OpenArgs,
  OpenedEngine,
  Reply,
  Request,
  ResultView,
  Source,
} from "../shared/protocol.js";
import type {
  Engine,
  ImageFile,
  Job,
  Photo,
  StackWriter,
  TileWorker,
  Trainer,
} from "../../wasm/cpu/unnoise.js";
import type { Wasm } from "../artifacts.js";

type Handlers = {
  [K in CallName]: (args: Calls[K]["args"], id: number) => Promise<Calls[K]["value"]>;
};

/** An engine that has started. */
interface Running {
  readonly wasm: Wasm;
  readonly memory: WebAssembly.Memory;
  readonly engine: Engine;
  readonly gpu: boolean;
}

/** Pages of 64 KiB by which a memory can still grow that is not what a trap came from: half a gigabyte. */
const SPARE = 2 ** 13;

/** A photo and what became of it. */
interface Kept {
  readonly original: Photo;
  readonly denoised: Photo;
}

/** A job under way. */
interface Begun {
  readonly job: Job;
  readonly original: Photo;
}

/** A photo, and what a user should know of the file it came from. */
interface Opened {
  readonly photo: Photo;
  readonly pages: number;
  readonly notes: readonly string[];
}

/** A stack, and what has been collected of its results. */
interface OpenStack {
  readonly file: ImageFile;
  writer: StackWriter | undefined;
}

const scope = globalThis as unknown as {
  postMessage(message: Reply, transfer: Transferable[]): void;
};
const canceledIds = new Set<number>();
const jobs = new Map<number, Begun>();
const kept = new Map<number, Kept>();
const trainers = new Map<number, Trainer>();
const stacks = new Map<number, OpenStack>();
let running: Running | undefined;
let helping: TileWorker | undefined;
let queue: Promise<unknown> = Promise.resolve();
/** Why the GPU was lost, if it was. */
let gpuLost: string | undefined;
/** Hears of a trap while a GPU is being opened, in place of the page. */
let onTrap: ((message: string) => void) | undefined;

function post(message: Reply, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

function engine(): { wasm: Wasm; engine: Engine } {
  if (!running) throw new UnnoiseError("internal", "The engine is not open.");
  return running;
}

const handlers: Handlers = {
  async open({ device: choice, gpuFailure, ...args }, id) {
    running?.engine.free();
    running = undefined;
    const { decision, gpu } = await chooseDevice(choice, gpuFailure);
    if (!gpu) return start(decision, args, id, undefined);
    try {
      return await start(decision, args, id, gpu);
    } catch (thrown) {
      if (!(thrown instanceof UnnoiseError) || thrown.code !== "device" || choice !== "auto") throw thrown;
      const { adapter } = decision;
      return start(
        { device: "flex", reason: `${thrown.message} So the CPU is used.`, adapter },
        args,
        id,
        undefined,
      );
    }
  },

  load({ model: asked, weights }) {
    const { wasm, engine: loading } = engine();
    if (!(weights instanceof Uint8Array)) {
      const model = asked ?? "";
      loading.random(model, weights.preset, BigInt(weights.seed));
      return Promise.resolve({ model });
    }
    const model = asked ?? wasm.recognise(weights);
    loading.load(model, weights);
    loading.verify().catch((thrown: unknown) => {
      lose(messageOf(thrown));
    });
    return Promise.resolve({ model });
  },

  async decode({ source }) {
    const { photo, pages, notes } = await toPhoto(source);
    try {
      const { width, height, channels, hasAlpha, bitDepth } = photo;
      const range = rangeOf(photo);
      return { width, height, channels, hasAlpha, bitDepth, range, pages, notes, rgba: photo.rgba() };
    } finally {
      photo.free();
    }
  },

  async openStack({ source }, id) {
    if (source.kind !== "file") throw new UnnoiseError("unsupported", "Stacks are files.");
    const file = await openFile(source.blob);
    stacks.set(id, { file, writer: undefined });
    return { stack: id, pages: file.pictures, notes: file.notes };
  },

  collect({ stack: id, ...view }) {
    const stack = opened(id);
    const { StackWriter } = engine().wasm;
    return blended(view, (photo) => {
      stack.writer ??= new StackWriter();
      stack.writer.add(photo);
      return {};
    });
  },

  stackFile({ stack: id }) {
    const stack = opened(id);
    const { writer } = stack;
    if (!writer) throw new UnnoiseError("option", "No page of this stack has been denoised.");
    stack.writer = undefined;
    return Promise.resolve({ bytes: own(writer.finish()) });
  },

  async begin({ source, options }, id) {
    const { photo: original, notes } = await toPhoto(source);
    try {
      const job = engine().engine.begin(original, options);
      jobs.set(id, { job, original });
      return { job: id, plan: job.plan(), adapt: job.adapt, range: rangeOf(original), notes };
    } catch (thrown) {
      original.free();
      throw thrown;
    }
  },

  step({ job: id, tile, next, pixels }) {
    return begun(id).job.step(tile, next, pixels);
  },

  overview({ job: id }) {
    return Promise.resolve({ overview: begun(id).job.overview() });
  },

  task({ job: id, tile }) {
    return Promise.resolve(begun(id).job.task(tile));
  },

  place({ job: id, tile, block, pixels }) {
    return Promise.resolve(begun(id).job.place(tile, block, pixels));
  },

  restore({ job: id, tile, samples }) {
    begun(id).job.restore(tile, samples);
    return Promise.resolve({});
  },

  finish({ job: id }) {
    const { job, original } = begun(id);
    // Finishing uses the job up, whether it succeeds or not.
    jobs.delete(id);
    const { note } = job;
    const denoised = job.finish();
    kept.set(id, { original, denoised });
    return Promise.resolve({ width: denoised.width, height: denoised.height, note });
  },

  help({ execution, overview }) {
    helping?.free();
    helping = undefined;
    helping = engine().engine.worker(execution, overview);
    return Promise.resolve({});
  },

  infer({ task }) {
    if (!helping) throw new UnnoiseError("internal", "This worker helps with no job.");
    return helping.denoise(task);
  },

  async measure({ source }, id) {
    const { photo } = await toPhoto(source);
    try {
      const measurement = engine().engine.measure(photo);
      try {
        while (await measurement.step()) {
          // So that a cancel is heard.
          await new Promise((resolve) => setTimeout(resolve));
          throwIfCanceled(id);
        }
      } catch (thrown) {
        measurement.free();
        throw thrown;
      }
      // Finishing uses it up, whether it succeeds or not.
      return { noise: measurement.finish() };
    } finally {
      photo.free();
    }
  },

  async train({ shots, clean, options }, id) {
    const photos = await toPhotos(clean ? [...shots, clean] : shots);
    const twin = photos.splice(shots.length);
    const trainer = engine().engine.train(photos, twin, options);
    trainers.set(id, trainer);
    return { job: id, progress: trainer.progress };
  },

  async learn({ job: id, milliseconds }) {
    const trainer = training(id);
    const end = performance.now() + milliseconds;
    let progress = await trainer.step();
    while (progress && performance.now() < end) {
      const next = await trainer.step();
      if (!next) break;
      progress = next;
    }
    return { progress };
  },

  async best({ job: id, base }) {
    const weights = await training(id).best(base);
    return { weights: weights && own(weights) };
  },

  async preview({ job: id, area: { x, y, width, height } }) {
    return { rgba: own(await training(id).preview(x, y, width, height)) };
  },

  async adopt({ job: id, base }) {
    const trainer = training(id);
    trainers.delete(id);
    const adopted = await engine().engine.adopt(trainer, base);
    const value = { kept: adopted.kept, weights: own(adopted.weights()) };
    adopted.free();
    return value;
  },

  async export() {
    return { weights: own(await engine().engine.export()) };
  },

  encode({ type, quality, ...view }) {
    const format = type.replace("image/", "") as "png" | "jpeg" | "webp" | "tiff";
    const percent = Math.max(1, Math.round(100 * (quality ?? 0.92)));
    return blended(view, (photo) => own(photo.encode(format, percent)));
  },

  rgba(view) {
    return blended(view, (photo) => photo.rgba());
  },

  float32(view) {
    return blended(view, (photo) => ({
      channels: photo.channels + Number(photo.hasAlpha),
      data: photo.float32(),
    }));
  },
};

/**
 * Downloads the engine and starts it on a device.
 *
 * @throws `UnnoiseError` `network`, `internal`; `device` when the GPU cannot be had
 */
async function start(
  info: DeviceDecision,
  { wasm: sources, sizes, patience }: Omit<OpenArgs, "device" | "gpuFailure">,
  id: number,
  gpu: GPUAdapter | undefined,
): Promise<OpenedEngine> {
  const artifact = artifactFor(info.device, sources);
  const source = sources[artifact];
  const size = source === undefined ? sizes[artifact] : undefined;
  const { wasm, module, memory } = await loadWasm(artifact, source, patience, (loaded, told) => {
    post({ kind: "progress", id, progress: { phase: "engine", loaded, total: told ?? size } });
  });
  const engine = await (gpu ? openGpu(wasm, gpu) : wasm.Engine.create(info.device));
  running = { wasm, memory, engine, gpu: gpu !== undefined };
  return { info: { version: wasm.version(), ...info }, artifact, module };
}

/** An engine on the GPU; the many ways in which there is none end here. */
async function openGpu(wasm: Wasm, adapter: GPUAdapter): Promise<Engine> {
  const { refused, lost } = lendAdapter(navigator.gpu, adapter);
  const fail = (why: string) => new UnnoiseError("device", `WebGPU does not start here (${why}).`);
  const trapped = new Promise<string>((resolve) => (onTrap = resolve));
  const trouble = Promise.race([refused, lost, trapped]).then((why) => {
    throw fail(why);
  });
  const created = wasm.Engine.create("webgpu").catch((thrown: unknown) => {
    throw fail(messageOf(thrown));
  });
  created.catch(() => undefined);
  const engine = await Promise.race([created, trouble]);
  trouble.catch(() => undefined);
  onTrap = undefined;
  void lost.then((why) => {
    lose(`the GPU was lost: ${why}`);
  });
  return engine;
}

/** Gives up the GPU. */
function lose(why: string): void {
  gpuLost ??= why;
  crashed(gpuLost);
}

function crashed(thrown: unknown): void {
  const message = gpuLost ?? messageOf(thrown);
  post({ kind: "crashed", message, gpu: running?.gpu ?? false, memory: isMemoryShort(thrown) });
}

/** Whether a trap, which says nothing of it, came from memory that did not grow. The engine is not used afterwards. */
function isMemoryShort(thrown: unknown): boolean {
  if (thrown instanceof RangeError) return /alloc|memory/i.test(thrown.message);
  if (!running || !(thrown instanceof WebAssembly.RuntimeError)) return false;
  try {
    running.memory.grow(SPARE);
    return false;
  } catch {
    return true;
  }
}

function begun(id: number): Begun {
  const found = jobs.get(id);
  if (!found) throw new UnnoiseError("canceled", "This run was given up.");
  return found;
}

function training(id: number): Trainer {
  const found = trainers.get(id);
  if (!found) throw new UnnoiseError("canceled", "This fine-tuning was given up.");
  return found;
}

function throwIfCanceled(id: number): void {
  if (canceledIds.has(id)) throw new UnnoiseError("canceled", "The operation was canceled.");
}

function opened(id: number): OpenStack {
  const found = stacks.get(id);
  if (!found) throw new UnnoiseError("disposed", "This stack was disposed of.");
  return found;
}

function rangeOf(photo: Photo): [number, number] {
  const [black = 0, white = 255] = photo.range;
  return [black, white];
}

async function openFile(blob: Blob): Promise<ImageFile> {
  const bytes = await blob.arrayBuffer().catch((cause: unknown) => {
    const message = `This file cannot be read (${messageOf(cause)}): was it moved or changed, or is it a folder?`;
    throw new UnnoiseError("decode", message, { cause });
  });
  return inEngine(new Uint8Array(bytes), (bytes) => engine().wasm.ImageFile.open(bytes));
}

/** Gives bytes to `use`, which copies them, and frees them at once rather than when garbage is collected, where the browser can. */
function inEngine<T>(bytes: Uint8Array<ArrayBuffer>, use: (bytes: Uint8Array) => T): T {
  const buffer: Partial<Pick<ArrayBuffer, "transfer">> = bytes.buffer;
  try {
    return use(bytes);
  } finally {
    buffer.transfer?.(0);
  }
}

async function toPhoto(source: Source): Promise<Opened> {
  if (source.kind === "rgba") return { photo: await fromPixels(source), pages: 1, notes: [] };
  if (source.kind === "page") {
    const { file } = opened(source.stack);
    return { photo: file.picture(source.page), pages: file.pictures, notes: [] };
  }
  let file: ImageFile;
  try {
    file = await openFile(source.blob);
  } catch (thrown) {
    const pixels = codeOf(thrown) === "unsupported" ? await drawn(source.blob) : undefined;
    if (!pixels) throw thrown;
    const notes = ["the browser read this file: 8 bits, and nothing beside the pixels"];
    return { photo: await fromPixels(pixels), pages: 1, notes };
  }
  const { page } = source;
  const { pictures: pages, count, notes } = file;
  const first = pages > 1 && page === undefined ? [`of ${count}, this is the first`] : [];
  return { photo: file.intoPicture(page ?? 0), pages, notes: [...notes, ...first] };
}

type Pixels = Extract<Source, { kind: "rgba" }>;

async function fromPixels({ width, height, data }: Pixels): Promise<Photo> {
  const rgba = data instanceof Blob ? new Uint8Array(await data.arrayBuffer()) : data;
  return inEngine(rgba, (rgba) => engine().wasm.Photo.fromRgba(width, height, rgba));
}

/** The pixels of a file that the browser can read and the engine cannot, such as AVIF or HEIC. */
async function drawn(blob: Blob): Promise<Pixels | undefined> {
  try {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context?.drawImage(bitmap, 0, 0);
    bitmap.close();
    const data = context?.getImageData(0, 0, width, height).data;
    return data && { kind: "rgba", width, height, data: new Uint8Array(data.buffer) };
  } catch {
    // The browser cannot either, or not in its memory.
    return undefined;
  }
}

/** All of the photos, or none. */
async function toPhotos(sources: readonly Source[]): Promise<Photo[]> {
  const photos: Photo[] = [];
  try {
    for (const source of sources) photos.push((await toPhoto(source)).photo);
    return photos;
  } catch (thrown) {
    for (const photo of photos) photo.free();
    throw thrown;
  }
}

async function blended<T>(view: ResultView, use: (photo: Photo) => T): Promise<T> {
  const pair = kept.get(view.result);
  if (!pair) throw new UnnoiseError("disposed", "This result was disposed of.");
  const { strength, detail } = view;
  if (strength === 1 && detail === 0) return Promise.resolve(use(pair.denoised));
  const photo = pair.denoised.blend(pair.original, strength, detail);
  try {
    return use(photo);
  } finally {
    photo.free();
  }
}

/** Bytes that wasm handed out are copies on the JavaScript heap already; only the type does not say so. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** Frees a job of any kind, or the result that it became. */
function release(id: number): void {
  const unfinished = jobs.get(id);
  jobs.delete(id);
  unfinished?.job.free();
  unfinished?.original.free();
  trainers.get(id)?.free();
  trainers.delete(id);
  const pair = kept.get(id);
  kept.delete(id);
  pair?.original.free();
  pair?.denoised.free();
  const stack = stacks.get(id);
  stacks.delete(id);
  stack?.file.free();
  stack?.writer?.free();
}

async function answer(request: CallRequest): Promise<void> {
  const { id, kind } = request;
  try {
    throwIfCanceled(id);
    const handler = handlers[kind] as (args: unknown, id: number) => Promise<Calls[CallName]["value"]>;
    const value = await handler(request.args, id);
    if (canceledIds.has(id)) release(id);
    post({ kind: "done", id, value }, transferable(value));
  } catch (thrown) {
    const code = codeOf(thrown);
    // Errors of the engine carry a code. Anything else is a trap, after which its memory is not to be trusted; and a GPU
    // that has failed once is not to be asked again.
    const trapped = code === undefined || (code === "device" && running?.gpu);
    if (trapped) crashed(thrown);
    else post({ kind: "failed", id, code, message: messageOf(thrown) });
  } finally {
    canceledIds.delete(id);
  }
}

/** The buffers of an answer: they are handed over, not copied. */
function transferable(value: Calls[CallName]["value"]): Transferable[] {
  const parts: unknown[] = ArrayBuffer.isView(value) ? [value] : Object.values(value);
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) => buffer as ArrayBuffer);
}

function inTurn(work: () => Promise<void> | void): void {
  queue = queue.then(work).catch(crashed);
}

/** Holds a lock that the browser takes away when this worker ends, however it ends; where there are locks. */
async function live(lock: string): Promise<void> {
  const held = new Promise<boolean>((resolve) => {
    const locks = (navigator as { locks?: LockManager }).locks;
    const hold = () => {
      resolve(true);
      return new Promise(() => undefined);
    };
    if (locks)
      locks.request(lock, hold).catch(() => {
        resolve(false);
      });
    else resolve(false);
  });
  post({ kind: "here", locked: (await within(1000, held)) ?? false });
}

function receive(request: Request): void {
  switch (request.kind) {
    case "cancel":
      canceledIds.add(request.id);
      break;
    case "live":
      void live(request.lock);
      break;
    // A job must not be freed in the middle of a step.
    case "release":
      inTurn(() => {
        release(request.job);
      });
      break;
    // Decoding and encoding slip in while the device is at work.
    case "decode":
    case "encode":
    case "rgba":
    case "float32":
      void answer(request);
      break;
    default:
      inTurn(() => answer(request));
  }
}

/** A trap that no call has caught. */
function trap(event: Event, thrown: unknown): void {
  event.preventDefault();
  if (onTrap) onTrap(messageOf(thrown));
  else crashed(thrown);
}

/** Answers what is posted, until the worker is ended. */
export function serve(): void {
  globalThis.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    receive(data);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    trap(event, event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    trap(event, event.error ?? event.message);
  });
}
