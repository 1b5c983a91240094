/** The packed package in Node: the same results as natively, by files and by pixels, and failures by their codes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Denoiser, UnnoiseError, models, preload } from "unnoise";
import { weights } from "unnoise-weights";
import rednet from "unnoise-weights/rednet";

const here = fileURLToPath(new URL(".", import.meta.url));
/** The native command line's results, made by `cargo xtask test`. */
const native = process.env.UNNOISE_NATIVE;
assert(native, "UNNOISE_NATIVE names the folder of the native results");

let folder;
let denoiser;
const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "unnoise-"));
  denoiser = await Denoiser.create();
});

after(async () => {
  denoiser.dispose();
  await rm(folder, { recursive: true });
  assert.deepEqual(unhandled, []);
});

/** The largest difference of two pictures, levels of 255. */
function difference(a, b) {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  return a.data.reduce((most, sample, i) => Math.max(most, Math.abs(sample - b.data[i])), 0);
}

const pixels = async (photo) => (await denoiser.decode(photo)).image;
const rejected = (promise, code, message) =>
  assert.rejects(promise, (error) => {
    assert(error instanceof UnnoiseError);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });

for (const name of ["alpha", "deep", "gray", "odd", "kodak23_noisy"]) {
  test(`${name}: a file by its path gives what the command line gives`, async () => {
    const result = await denoiser.denoise(join(native, `${name}.in.png`));
    const out = join(folder, `${name}.png`);
    await writeFile(out, await result.bytes());
    assert.equal(result.info.device, "flex");
    assert.equal(result.info.reason, "There is no WebGPU here.");
    const worst = difference(await pixels(out), await pixels(join(native, `${name}.out.png`)));
    assert(worst <= 1, `differs by ${worst} levels`);
  });
}

test("a bar moves within a tile, and what a run will take is known after the first of its kind", async () => {
  const path = join(native, "kodak23_noisy.in.png");
  const starting = [];
  const fresh = await Denoiser.create({ onProgress: (progress) => starting.push(progress) });
  for (const { loaded, total } of starting) assert(total >= loaded);
  assert.equal(await fresh.estimate(path, { adapt: "plain" }), undefined);
  for (const adapt of ["plain", "plain"]) {
    const told = [];
    const { info } = await fresh.denoise(path, { adapt, onProgress: (progress) => told.push(progress) });
    assert.equal(info.tiles, 1);
    const fractions = told.map(({ fraction }) => fraction);
    assert.deepEqual(
      fractions,
      fractions.toSorted((a, b) => a - b),
    );
    assert(new Set(fractions).size >= 10, `${fractions.length} steps`);
    assert.equal(fractions.at(-1), 1);
    assert(fractions.slice(0, -1).every((fraction) => fraction < 1));
  }
  const expected = await fresh.estimate(path, { adapt: "plain" });
  const { info } = await fresh.denoise(path, { adapt: "plain" });
  assert(expected > info.seconds / 4 && expected < info.seconds * 4, `${expected} for ${info.seconds}`);
  fresh.dispose();
});

test("path, address, bytes and pixels are the same photo", async () => {
  const path = join(native, "odd.in.png");
  const want = await (await denoiser.denoise(path)).imageData();
  const { width, height, data } = await pixels(path);
  const rgb = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => data[4 * Math.floor(i / 3) + (i % 3)],
  );
  const inputs = {
    "URL of the file": pathToFileURL(path),
    Buffer: await readFile(path),
    Blob: new Blob([await readFile(path)]),
    RGBA: { width, height, data },
    RGB: { width, height, data: rgb },
  };
  for (const [what, input] of Object.entries(inputs)) {
    const got = await (await denoiser.denoise(input)).imageData();
    assert.equal(difference(got, want), 0, what);
  }
  const gray = data.filter((_, i) => i % 4 === 0);
  const result = await denoiser.denoise({ width, height, data: gray });
  assert.deepEqual([result.width, result.height], [width, height]);
});

test("what is wrong has a code", async () => {
  await rejected(denoiser.denoise("nowhere/photo.png"), "network", /nowhere\/photo\.png cannot be .*ENOENT/);
  await rejected(denoiser.denoise(folder), "network", /EISDIR/);
  await rejected(denoiser.denoise(fileURLToPath(import.meta.url)), "decode", /./);
  await rejected(denoiser.denoise(undefined), "unsupported", /was a file chosen/);
  await rejected(
    denoiser.denoise({ width: 2, height: 2, data: new Uint8Array(5) }),
    "unsupported",
    /5 samples/,
  );
  await rejected(
    denoiser.denoise({ width: 1, height: 1, data: new Float32Array(4) }),
    "unsupported",
    /8 bits/,
  );
  await rejected(Denoiser.create({ device: "webgpu" }), "device", /no WebGPU/);
  await rejected(Denoiser.create({ model: "auto", weightsUrl: "nowhere" }), "network", /unet\.safetensors/);
  const bad = join(folder, "bad.safetensors");
  await writeFile(bad, "no weights");
  await rejected(Denoiser.create({ weights: bad }), "weights", /./);
  const gone = await Denoiser.create();
  gone.dispose();
  await rejected(gone.denoise(join(native, "odd.in.png")), "disposed", /disposed/);
});

test("the default networks are in the package, the others in one of their own", async () => {
  const trained = models().filter((card) => card.weights !== null);
  const inside = trained.filter(({ id }) => !(id in weights)).map(({ id }) => id);
  assert.deepEqual(inside.sort(), ["unet", "unet-large"]);
  for (const { id, weights: file } of trained) {
    const address = weights[id] ?? new URL(`../node_modules/unnoise/weights/${file.file}`, import.meta.url);
    assert.equal((await readFile(new URL(address))).length, file.bytes, id);
  }
  await rejected(
    Denoiser.create({ model: "rednet" }),
    "weights",
    /"unnoise-weights\/rednet" and give weightsUrl/,
  );
  await preload({ model: "rednet", weightsUrl: new URL(".", rednet) });
  const other = await Denoiser.create({ model: "rednet", weightsUrl: rednet });
  const { info } = await other.denoise(join(native, "odd.in.png"));
  assert.equal(info.model, "rednet");
  other.dispose();
  await rejected(Denoiser.create({ model: "unet", weightsUrl: rednet }), "weights", /bytes instead of/);
});

test("the list of files names what a page may load", async () => {
  const root = new URL("../node_modules/unnoise/", import.meta.url);
  const files = JSON.parse(await readFile(new URL("files.json", root), "utf8"));
  for (const { path, bytes } of files)
    assert.equal((await readFile(new URL(path, root))).length, bytes, path);
  const paths = files.map(({ path }) => path);
  for (const path of [
    "dist/index.js",
    "dist/worker.js",
    "wasm/full/unnoise_bg.wasm",
    "weights/unet.safetensors",
  ])
    assert(paths.includes(path), path);
  assert(!paths.some((path) => path.includes("node") || path.endsWith(".d.ts")));
});

test("an abort stops a run, and the next one works", async () => {
  const controller = new AbortController();
  const run = denoiser.denoise(join(native, "kodak23_noisy.in.png"), { signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  const start = performance.now();
  await rejected(run, "canceled", /./);
  assert(performance.now() - start < 3000);
  assert.equal((await denoiser.denoise(join(native, "odd.in.png"))).info.tiles, 1);
});

test("a network learns, and its weights can be kept", async () => {
  const learner = await Denoiser.create();
  const tuned = await learner.fineTune(join(native, "odd.in.png"), { steps: 2, patch: 32, batch: 1 });
  assert.equal(tuned.steps, 2);
  const file = join(folder, "tuned.safetensors");
  await writeFile(file, Buffer.from(await (await learner.exportWeights()).arrayBuffer()));
  learner.dispose();
  const again = await Denoiser.create({ weights: file });
  assert.equal(again.info().model, "unet");
  again.dispose();
});

for (const end of ["denoiser.dispose();", ""]) {
  test(`a script ends by itself, ${end ? "when it disposes" : "also when it forgets to"}`, async () => {
    const code = `import { Denoiser } from "unnoise";
      const denoiser = await Denoiser.create();
      const { info } = await denoiser.denoise(${JSON.stringify(join(native, "odd.in.png"))});
      console.log(info.model);
      ${end}`;
    const args = ["--input-type=module", "--eval", code];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: here, timeout: 25_000 });
    assert.equal(stdout.trim(), "unet");
  });
}

test("without its weights, a package says which file is missing", async () => {
  const broken = join(folder, "unnoise");
  await cp(join(here, "../node_modules/unnoise"), broken, { recursive: true });
  await rm(join(broken, "weights/unet.safetensors"));
  const other = await import(pathToFileURL(join(broken, "dist/node/index.js")).href);
  await assert.rejects(other.Denoiser.create(), ({ code, message }) => {
    assert.equal(code, "network");
    assert.match(message, /weights\/unet\.safetensors/);
    return true;
  });
});

test("the examples for Node work as they are printed, also where a photo of several is none", async () => {
  const site = await mkdtemp(join(folder, "example-"));
  await symlink(join(here, "../node_modules"), join(site, "node_modules"));
  const photo = join(here, "../../browser/fixtures/inputs/turned.jpg");
  await copyFile(photo, join(site, "photo.jpg"));
  await mkdir(join(site, "photos"));
  await copyFile(photo, join(site, "photos/b.jpg"));
  await writeFile(join(site, "photos/a.jpg"), "no photo");
  const run = async (page, index) => {
    const text = await readFile(join(here, "../node_modules/unnoise", page), "utf8");
    const code = [...text.matchAll(/^```js node\n(.*?)^```$/gms)].map(([, code]) => code)[index];
    await writeFile(join(site, "main.js"), code);
    const done = promisify(execFile)(process.execPath, [join(site, "main.js")], {
      cwd: site,
      timeout: 60_000,
    });
    return done.catch((failed) => failed);
  };
  assert.equal((await run("README.md", 0)).code, undefined);
  assert((await pixels(join(site, "clean.jpg"))).width > 0);
  const batch = await run("RECIPES.md", 0);
  assert.equal(batch.code, 1);
  assert.match(batch.stderr, /^a\.jpg: decode: /m);
  assert.deepEqual(await readdir(join(site, "clean")), ["b.jpg.png"]);
});
