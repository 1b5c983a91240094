/** What one page measures, called by run.mjs: ours and onnxruntime-web in turn. Times are milliseconds. */

/** A picture of waves with noise, always the same. */
function picture(width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  let state = 1;
  for (let i = 0; i < data.length; i += 4) {
    const [x, y] = [(i / 4) % width, Math.floor(i / 4 / width)];
    for (let c = 0; c < 3; c++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = ((state >>> 8) / 2 ** 24 - 0.5) * 80;
      data[i + c] = 128 + 60 * Math.sin((x * (c + 1) + y) / 37) + 40 * Math.cos(y / (11 + c)) + noise;
    }
    data[i + 3] = 255;
  }
  return new ImageData(data, width, height);
}

async function timed(run) {
  const start = performance.now();
  const result = await run();
  return { taken: performance.now() - start, result };
}

/** A function that denoises a square picture by the package, and what it says of itself. */
async function ours({ model, device, workers, size }) {
  const { Denoiser } = await import("/pkg/dist/index.js");
  const denoiser = await Denoiser.create({ model, weightsUrl: "/weights/", device, workers });
  const photo = picture(size, size);
  return {
    run: async () => (await denoiser.denoise(photo, { adapt: "plain" })).info.seconds * 1000,
    end: () => denoiser.dispose(),
  };
}

/** The same by onnxruntime-web, from a tensor to a tensor. */
async function peer({ model, provider, threads, size, folder = "onnx" }) {
  const ort = await import("/ort/ort.webgpu.bundle.min.mjs");
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = "/ort/";
  const session = await ort.InferenceSession.create(`/${folder}/${model}.onnx`, { executionProviders: [provider] });
  const { data } = picture(size, size);
  const values = Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const [c, p] = [Math.floor(i / size / size), i % (size * size)];
    return data[4 * p + c] / 255;
  });
  const x = new ort.Tensor("float32", values, [1, 3, size, size]);
  return {
    run: async () => {
      const { y } = await session.run({ x });
      await y.getData();
    },
    end: () => session.release(),
  };
}

/**
 * Times both in turn, `runs` times after one that warms up: calls of ours, what ours says the network took (with the
 * estimate of the noise), and calls of the peer.
 */
export async function compare({ runs, ...what }) {
  const [a, b] = [await ours(what), await peer(what)];
  const times = { ours: [], told: [], peer: [] };
  for (let i = 0; i <= runs; i++) {
    const { taken, result } = await timed(a.run);
    const { taken: other } = await timed(b.run);
    if (i === 0) continue;
    times.ours.push(taken);
    times.told.push(result);
    times.peer.push(other);
  }
  await Promise.all([a.end(), b.end()]);
  return times;
}

/** Cold start: milliseconds until the engine is ready, and until the first small picture is denoised. */
export async function coldStart({ model, device }) {
  const start = performance.now();
  const denoiser = await (await import("/pkg/dist/index.js")).Denoiser.create({ model, weightsUrl: "/weights/", device, workers: 1 });
  const ready = performance.now() - start;
  await denoiser.denoise(picture(64, 64), { adapt: "plain" });
  const first = performance.now() - start;
  denoiser.dispose();
  return { ready, first };
}

/** Milliseconds of a photo of so many megapixels, `automatic` as the page runs it or plain. */
export async function photo({ model, device, workers, megapixels, adapt }) {
  const { Denoiser } = await import("/pkg/dist/index.js");
  const denoiser = await Denoiser.create({ model, weightsUrl: "/weights/", device, workers });
  const width = Math.round(Math.sqrt(megapixels * 1.5e6));
  const input = picture(width, Math.round(width / 1.5));
  const { taken, result } = await timed(() => denoiser.denoise(input, { adapt }));
  denoiser.dispose();
  return { taken, tiles: result.info.tiles, workers: result.info.workers };
}

/** Milliseconds of a step of fine-tuning: the time that more steps take, over their number. */
export async function tuning({ model, device, objective, steps }) {
  const { Denoiser } = await import("/pkg/dist/index.js");
  const times = [];
  for (const count of steps) {
    const denoiser = await Denoiser.create({ model, weightsUrl: "/weights/", device, workers: 1 });
    const options = { objective, steps: count, patch: 64, batch: 4 };
    times.push((await timed(() => denoiser.fineTune(picture(192, 192), options))).taken);
    denoiser.dispose();
  }
  return (times[1] - times[0]) / (steps[1] - steps[0]);
}

window.bench = { compare, coldStart, photo, tuning };
