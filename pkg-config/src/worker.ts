/** The engine's side: owns the wasm, answers the calls of `protocol.ts`, one tile at a time. */
import { UnnoiseError, codeOf, messageOf } from "./errors.js";
import { chooseDevice } from "./device.js";
import { loadWasm } from "./engine.js";
import type { CallName, CallRequest, Calls, Reply, Request, ResultView, Source } from "./protocol.js";
import type { Wasm, WasmEngine, WasmJob, WasmPhoto } from "./wasm.js";

type Handlers = {
  [K in CallName]: (args: Calls[K]["args"], id: number) => Promise<Calls[K]["value"]>;
};

/** A photo and what became of it. */
interface Kept {
  readonly original: WasmPhoto;
  readonly denoised: WasmPhoto;
}

const scope = globalThis as unknown as {
  postMessage(message: Reply, transfer: Transferable[]): void;
};
const canceledIds = new Set<number>();
const kept = new Map<number, Kept>();
let running: { wasm: Wasm; engine: WasmEngine } | undefined;
let queue: Promise<unknown> = Promise.resolve();

function post(message: Reply, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

function engine(): { wasm: Wasm; engine: WasmEngine } {
  if (!running) throw new UnnoiseError("internal", "The engine is not open.");
  return running;
}

const handlers: Handlers = {
  async open({ device: choice, gpuFailure, wasm: sources }, id) {
    const decision = await chooseDevice(choice, gpuFailure);
    const artifact = decision.device === "flex" ? "cpu" : "full";
    const wasm = await loadWasm(artifact, sources[artifact], (loaded, total) => {
      post({ kind: "progress", id, progress: { phase: "engine", loaded, total } });
    });
    running = { wasm, engine: await wasm.Engine.create(decision.device) };
    return { version: wasm.version(), ...decision };
  },

  load({ model: asked, weights }) {
    const { wasm, engine: loading } = engine();
    const model = asked ?? wasm.recognise(weights);
    loading.load(model, weights);
    return Promise.resolve({ model });
  },

  async decode({ source }) {
    const photo = await toPhoto(source);
    try {
      const { width, height, channels, hasAlpha, bitDepth } = photo;
      return { width, height, channels, hasAlpha, bitDepth, rgba: own(photo.rgba()) };
    } finally {
      photo.free();
    }
  },

  async denoise(args, id) {
    const original = await toPhoto(args.source);
    try {
      const { denoised, run } = await runJob(original, args, id);
      kept.set(id, { original, denoised });
      return { result: id, width: denoised.width, height: denoised.height, run };
    } catch (thrown) {
      original.free();
      throw thrown;
    }
  },

  encode({ type, quality, ...view }) {
    const format = type.replace("image/", "") as "png" | "jpeg" | "webp" | "tiff";
    const percent = Math.max(1, Math.round(100 * (quality ?? 0.92)));
    return blended(view, (photo) => own(photo.encode(format, percent)));
  },

  rgba(view) {
    return blended(view, (photo) => own(photo.rgba()));
  },

  float32(view) {
    return blended(view, (photo) => ({
      channels: photo.channels + Number(photo.hasAlpha),
      data: photo.float32(),
    }));
  },
};

/** Denoises a photo that stays the caller's. */
async function runJob(
  original: WasmPhoto,
  { options, tiles }: Calls["denoise"]["args"],
  id: number,
): Promise<{ denoised: WasmPhoto; run: Calls["denoise"]["value"]["run"] }> {
  const start = performance.now();
  const job = engine().engine.begin(original, options);
  const { tiles: total, tileWidth, tileHeight, overlap, adapt, noise } = job;
  try {
    await pump(job, tiles, id);
  } catch (thrown) {
    job.free();
    throw thrown;
  }
  const denoised = job.finish();
  const seconds = (performance.now() - start) / 1000;
  const secondsPerMegapixel = (seconds * 1e6) / (original.width * original.height);
  const run = { tiles: total, tileWidth, tileHeight, overlap, adapt, noise, seconds, secondsPerMegapixel };
  return { denoised, run };
}

/** Runs a job to its end, tile by tile, with a pause around each in which a cancel is seen. */
async function pump(job: WasmJob, postTiles: boolean, id: number): Promise<void> {
  const total = job.tiles;
  for (;;) {
    post({ kind: "progress", id, progress: { phase: "tiles", done: job.done, total } });
    await macrotask();
    throwIfCanceled(id);
    const tile = await job.step();
    if (!tile) return;
    if (!postTiles) continue;
    const { x, y, width, height } = tile;
    const rgba = own(tile.rgba);
    post({ kind: "tile", id, x, y, width, height, rgba }, [rgba.buffer]);
  }
}

function throwIfCanceled(id: number): void {
  if (canceledIds.has(id)) throw new UnnoiseError("canceled", "The operation was canceled.");
}

/** Lets messages in. A promise alone would not: microtasks run before them. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

async function toPhoto(source: Source): Promise<WasmPhoto> {
  const { Photo } = engine().wasm;
  if (source.kind === "rgba") return Photo.fromRgba(source.width, source.height, source.data);
  return Photo.decode(new Uint8Array(await source.blob.arrayBuffer()));
}

async function blended<T>(view: ResultView, use: (photo: WasmPhoto) => T): Promise<T> {
  const pair = kept.get(view.result);
  if (!pair) throw new UnnoiseError("canceled", "This result was disposed of.");
  if (view.strength === 1) return Promise.resolve(use(pair.denoised));
  const photo = pair.denoised.blend(pair.original, view.strength);
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

function release(result: number): void {
  const pair = kept.get(result);
  kept.delete(result);
  pair?.original.free();
  pair?.denoised.free();
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
    // Errors of the engine carry a code. Anything else is a trap, after which its memory is not to be trusted.
    if (code) post({ kind: "failed", id, code, message: messageOf(thrown) });
    else post({ kind: "crashed", message: messageOf(thrown) });
  } finally {
    canceledIds.delete(id);
  }
}

/** The buffers of an answer: they are handed over, not copied. */
function transferable(value: Calls[CallName]["value"]): Transferable[] {
  if (value instanceof Uint8Array) return [value.buffer];
  if ("rgba" in value) return [value.rgba.buffer];
  if ("data" in value) return [value.data.buffer];
  return [];
}

globalThis.addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
  switch (request.kind) {
    case "cancel":
      canceledIds.add(request.id);
      break;
    case "release":
      release(request.result);
      break;
    // What uses the network waits its turn; decoding and encoding slip in between two tiles.
    case "open":
    case "load":
    case "denoise":
      queue = queue.then(() => answer(request));
      break;
    default:
      void answer(request);
  }
});

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  post({ kind: "crashed", message: messageOf(event.reason) });
});
