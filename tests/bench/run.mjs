/**
 * run.mjs OPTIONS: the benchmark. Opens `bench.html` in a headless Chromium and measures every case of the options, ours
 * and the peer in turn; writes `report.json` and `report.md` into the folder `out`. OPTIONS is JSON:
 * { pkg, weights, onnx, out, chromium, native, networks: [{ id, target }], size, runs, gpu, software, photos: [megapixels],
 *   large: { id, onnx, size }: what all cores share }.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const options = JSON.parse(process.argv[2]);
const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const FOLDERS = {
  pkg: options.pkg,
  weights: options.weights,
  onnx: options.onnx,
  "onnx-large": options.large?.onnx,
  ort: join(here, "node_modules/onnxruntime-web/dist"),
};
const FLAGS = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update"];
const GPU_FLAGS = ["--enable-unsafe-webgpu", "--enable-features=Vulkan"];
const SOFTWARE_FLAGS = ["--use-webgpu-adapter=swiftshader"];

/** Serves the folders, isolated across origins: onnxruntime-web needs that for threads. */
function serve() {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const [, first, ...rest] = path.split("/");
    const file = FOLDERS[first] ? join(FOLDERS[first], ...rest) : join(here, path);
    try {
      const body = readFileSync(file);
      const headers = {
        "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      };
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Resident bytes of the largest process below this one that is a renderer; 0 where there is no `/proc`. */
function rendererBytes() {
  let largest = 0;
  try {
    for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (!readFileSync(`/proc/${id}/cmdline`, "utf8").includes("--type=renderer")) continue;
        const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8")) ?? [];
        largest = Math.max(largest, 1024 * Number(kilobytes ?? 0));
      } catch {
        // A process that has just ended.
      }
    }
  } catch {
    // No such folder on this system.
  }
  return largest;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const spread = (values) => [Math.min(...values), Math.max(...values)];

async function main() {
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: options.chromium,
    args: [...FLAGS, ...(options.gpu ? GPU_FLAGS : []), ...(options.software ? SOFTWARE_FLAGS : [])],
  });
  /** Every measurement has a page, and so workers, of its own. */
  const measure = async (name, args) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/bench.html`);
    await page.waitForFunction(() => window.bench !== undefined);
    let peak = 0;
    const sampling = setInterval(() => (peak = Math.max(peak, rendererBytes())), 100);
    try {
      const result = await page.evaluate(([name, args]) => window.bench[name](args), [name, args]);
      return { result, peak };
    } finally {
      clearInterval(sampling);
      await page.close();
    }
  };
  const report = { machine: { processor: cpus()[0]?.model, cores: cpus().length }, ratios: [], photos: [], start: [] };
  const ratio = (name, target, ours, peer, runs, unit = "ms") => {
    report.ratios.push({ name, ratio: ours / peer, target, ours, peer, unit, runs });
    console.log(`${name}: ${ours.toFixed(1)} / ${peer.toFixed(1)} ${unit} = ${(ours / peer).toFixed(3)}`);
  };
  const attempt = async (name, run) => {
    try {
      await run();
    } catch (error) {
      report.failures = [...(report.failures ?? []), `${name}: ${String(error.message ?? error).split("\n")[0]}`];
      console.log(`${name}: FAILED, ${String(error.message ?? error).split("\n")[0]}`);
    }
  };

  const native = Object.fromEntries(options.native.map((line) => [line.network, line]));
  const { size, runs } = options;
  const cores = cpus().length;
  const rivals = options.gpu
    ? [{ title: "webgpu", device: "webgpu", workers: 1, provider: "webgpu", threads: 1 }]
    : [{ title: "one thread", device: "flex", workers: 1, provider: "wasm", threads: 1 }];
  for (const { id, target } of options.networks) {
    for (const { title, ...rival } of rivals) {
      await attempt(`${id}, ${title}`, async () => {
        const { result } = await measure("compare", { model: id, size, runs, ...rival });
        const name = `${id} ${size}x${size}, ${title}`;
        ratio(`${name}, a call / onnxruntime-web`, target, median(result.ours), median(result.peer), {
          ours: spread(result.ours),
          peer: spread(result.peer),
        });
        const told = median(result.told);
        if (!options.gpu && native[id]) ratio(`${name}, as it tells / PyTorch native`, 1, told, native[id].forward, {});
      });
    }
    if (!options.gpu && native[id]?.ours) {
      ratio(`${id} ${size}x${size}, natively, one thread / PyTorch native`, 0.6, native[id].ours, native[id].forward, {});
    }
    if (!options.gpu && native[id]?.step && options.steps.includes(id)) {
      await attempt(`${id}, a training step`, async () => {
        const steps = { model: id, device: "flex", objective: "noise-model", steps: [10, 30] };
        const { result } = await measure("tuning", steps);
        ratio(`${id}, a step of training, 4 patches of 64x64 / PyTorch native`, 1.2, result, native[id].step, {});
      });
    }
  }
  if (options.large && !options.gpu) {
    const { id, size } = options.large;
    await attempt(`${id}, all cores`, async () => {
      const both = { device: "flex", workers: cores, provider: "wasm", threads: cores, folder: "onnx-large" };
      const { result } = await measure("compare", { model: id, size, runs, ...both });
      ratio(`${id} ${size}x${size}, all ${cores} cores, a call / onnxruntime-web`, 0.35, median(result.ours), median(result.peer), {
        ours: spread(result.ours),
        peer: spread(result.peer),
      });
    });
  }
  const device = options.gpu ? "webgpu" : "flex";
  for (const megapixels of options.photos) {
    await attempt(`${megapixels} MP`, async () => {
      const workers = options.gpu ? 1 : cores;
      const photo = { model: "unet", device, workers, megapixels, adapt: "plain" };
      const { result, peak } = await measure("photo", photo);
      report.photos.push({ megapixels, seconds: result.taken / 1e3, bytes: peak, ...result });
      console.log(`${megapixels} MP: ${(result.taken / 1e3).toFixed(2)} s, ${(peak / 1e6).toFixed(0)} MB`);
    });
  }
  await attempt("cold start", async () => {
    const { result } = await measure("coldStart", { model: "unet", device });
    report.start.push(result);
    console.log(`cold start: ready after ${result.ready.toFixed(0)} ms, first picture after ${result.first.toFixed(0)} ms`);
  });
  await browser.close();
  server.close();
  writeFileSync(join(options.out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(options.out, "report.md"), markdown(report));
}

function markdown({ machine, ratios, photos, start, failures = [] }) {
  const number = (value) => value.toFixed(value < 10 ? 3 : 1);
  const rows = ratios.map(
    ({ name, ratio, target, ours, peer, unit }) =>
      `| ${name} | ${number(ours)} ${unit} | ${number(peer)} ${unit} | ${ratio.toFixed(3)} | ${target ?? ""} |`,
  );
  const large = photos.map(
    ({ megapixels, seconds, bytes, tiles, workers }) =>
      `| ${megapixels} MP | ${seconds.toFixed(2)} s | ${(bytes / 1e6).toFixed(0)} MB | ${tiles} | ${workers} |`,
  );
  return [
    `${machine.processor}, ${machine.cores} cores`,
    "",
    "| | ours | peer | ratio | at most |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "| photo, `unet`, plain | time | memory of the renderer | tiles | workers |",
    "| --- | --- | --- | --- | --- |",
    ...large,
    "",
    ...start.map(({ ready, first }) => `Cold start: ${ready.toFixed(0)} ms, first picture ${first.toFixed(0)} ms.`),
    ...failures.map((failure) => `Failed: ${failure}`),
    "",
  ].join("\n");
}

await main();
