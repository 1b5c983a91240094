/** Faults, injected where they happen: what the caller sees, and that the denoiser lives on. */
import { readdirSync } from "node:fs";
import { expect, test, type Page } from "@playwright/test";
import { photo, read } from "./files";
import { MODULE, openModule } from "./module";

type Progress = import("unnoise").Progress;

test.use(MODULE);

const large = photo(290, 64).buffer.toString("base64");
const small = photo(32, 24).buffer.toString("base64");
const REDNET = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors").toString("base64");
const TILE = 128 * 64;

/** Opens the package, with `script` run in every worker before its own, or in the nth that is started only. */
async function open(page: Page, script = "", nth?: number): Promise<void> {
  const own = read("../../pkg/dist/worker.js").toString();
  let started = 0;
  await page.route("**/pkg/dist/worker.js", (route) => {
    started += 1;
    // Imports are hoisted, and ask for nothing.
    const body = nth === undefined || nth === started ? script + own : own;
    return route.fulfill({ contentType: "text/javascript", body });
  });
  await openModule(page);
}

/** What a worker does on its nth call of a kind, before it answers. */
const onCall = (kind: string, nth: number, what: string) => `
  let calls = 0;
  addEventListener("message", (event) => {
    if (event.data.kind !== "${kind}" || ++calls !== ${nth}) return;
    ${what}
  });
`;

const SILENT = [
  { name: "that ends itself", what: "event.stopImmediatePropagation(); self.close();" },
  {
    name: "that traps",
    what: "event.stopImmediatePropagation(); setTimeout(() => { throw new Error('trap'); });",
  },
  { name: "that never answers", what: "event.stopImmediatePropagation();" },
  { name: "in an endless loop", what: "for (;;);" },
];

for (const { name, what } of SILENT) {
  for (const workers of [1, 3]) {
    test(`a worker ${name}: its tiles are handed out again, of ${workers}`, async ({ page }) => {
      // The first, or one that helps: before these comes the one that waits to take over.
      if (workers === 1) await open(page, onCall("step", 2, what), 1);
      else await open(page, onCall("infer", 2, what), 3);
      const got = await page.evaluate(
        async ([text, weightsText, tile, workers]) => {
          const weights = window.fromBase64(weightsText);
          const options = { device: "flex", weights, workers, timeout: 2 } as const;
          const denoiser = await window.unnoise.Denoiser.create(options);
          const phases: string[] = [];
          const tiles: number[] = [];
          const result = await denoiser.denoise(window.fromBase64(text), {
            tile,
            onProgress: ({ phase }) => phases.push(phase),
            onTile: ({ x }) => tiles.push(x),
          });
          const again = await denoiser.denoise(window.fromBase64(text), { tile });
          const [a, b] = [await result.float32(), await again.float32()];
          const { notes, tiles: total } = result.info;
          denoiser.dispose();
          const same = a.data.every((value, i) => value === b.data[i]);
          const restarts = phases.filter((phase) => phase === "restart").length;
          return { same, restarts, notes: notes.length, tiles: [new Set(tiles).size, tiles.length, total] };
        },
        [large, REDNET, TILE, workers] as const,
      );
      const [, , total] = got.tiles;
      const told = workers === 1 ? 1 : 0;
      expect(got).toEqual({ same: true, restarts: told, notes: told, tiles: [total, total, total] });
    });
  }
}

/** What a run of learning came to, in a page whose workers fail. */
interface Learnt {
  /** The code of the error that it ended with. */
  readonly code: string;
  /** What the worker said of how it ended. */
  readonly kept: boolean | undefined;
  readonly steps: number;
  readonly bestStep: number;
  readonly notes: readonly string[];
  readonly restarts: number;
  /** The steps that were reported, and those after which a better network was found. */
  readonly told: readonly number[];
  readonly found: readonly number[];
  /** The best network that is at hand in the end: of the run, and of those that were told. */
  readonly best: number | undefined;
  /** Whether the denoiser has other weights than before, and whether they are those of the best network so far. */
  readonly changed: boolean;
  readonly isBest: boolean;
  readonly seconds: number;
}

/** Lets random weights learn 60 steps, which find better networks on the way. */
function learn(page: Page, batch = 2): Promise<Learnt> {
  return page.evaluate(
    async ([text, batch]) => {
      const { Denoiser, UnnoiseError } = window.unnoise;
      const denoiser = await Denoiser.create({
        device: "flex",
        model: "noise2void",
        preset: "small",
        timeout: 2,
      });
      /** The arrays of a file of weights: the notes in its header have no order. */
      const arrays = async (file: Blob | undefined) => {
        const bytes = new Uint8Array(await (file ?? new Blob()).arrayBuffer());
        return bytes.subarray(8 + new DataView(bytes.buffer).getUint32(0, true)).join();
      };
      const before = await arrays(await denoiser.exportWeights());
      const start = performance.now();
      const told: number[] = [];
      const found: number[] = [];
      let restarts = 0;
      const tuning = denoiser.fineTune(window.fromBase64(text), {
        steps: 60,
        patch: 32,
        batch,
        onProgress: ({ step, restart }) => {
          told.push(step);
          restarts += restart === undefined ? 0 : 1;
        },
        onBest: ({ step }) => {
          found.push(step);
        },
      });
      const [tuned, code] = await tuning.then(
        (tuned) => [tuned, "none"] as const,
        (error: unknown) => [undefined, error instanceof UnnoiseError ? error.code : String(error)] as const,
      );
      const seconds = (performance.now() - start) / 1000;
      const after = await arrays(await denoiser.exportWeights());
      const best = tuning.best;
      const isBest = best !== undefined && after === (await arrays(best.weights));
      denoiser.dispose();
      const { kept, steps = 0, bestStep = 0, notes = [] } = tuned ?? {};
      const outcome = { kept, steps, bestStep, notes, restarts, told, found, best: best?.step };
      return { code, seconds, ...outcome, changed: after !== before, isBest };
    },
    [photo(64, 56).buffer.toString("base64"), batch] as const,
  );
}

/** A worker's script that fails at the first call to learn after a better network was found, here or by another worker. */
const afterBest = (what: string) => `
  let found = false;
  let loads = 0;
  addEventListener("message", (event) => {
    if (event.data.kind === "load") loads += 1;
    if (event.data.kind === "best" || loads === 2) found = true;
    if (event.data.kind !== "learn" || !found) return;
    ${what}
  });
`;

// One that never answers is found out as one in an endless loop is.
for (const { name, what } of SILENT.filter(({ name }) => name !== "that never answers")) {
  test(`learning in a worker ${name} goes on in another one, from the best network so far`, async ({
    page,
  }) => {
    await open(page, afterBest(what), 1);
    const got = await learn(page);
    expect(got.code).toBe("none");
    const [first] = got.found;
    expect(got.notes).toEqual([`the worker was lost on the way: flex went on from step ${first}`]);
    expect([got.kept, got.changed, got.isBest, got.restarts]).toEqual([true, true, true, 1]);
    // All steps were done, and only those after the best network twice.
    expect(got.steps).toBe(60);
    expect(got.bestStep).toBe(got.found.at(-1));
    const again = got.told.slice(got.told.lastIndexOf(first ?? 0));
    expect(again).toEqual(again.toSorted((a, b) => a - b));
    expect(again.at(-1)).toBe(60);
  });
}

test("learning in workers that fail again ends with an error, and the best network is at hand", async ({
  page,
}) => {
  await open(page, afterBest("event.stopImmediatePropagation(); self.close();"));
  const got = await learn(page);
  expect([got.code, got.restarts]).toEqual(["internal", 1]);
  expect(got.best).toBe(got.found.at(-1));
  expect(got.found.length).toBeGreaterThan(0);
  // What one does with it is one's own affair.
  expect([got.changed, got.isBest]).toEqual([false, false]);
});

test("a worker that is lost when all has been learned leaves the best network so far", async ({ page }) => {
  await open(page, onCall("adopt", 1, "event.stopImmediatePropagation(); self.close();"), 1);
  const got = await learn(page);
  expect([got.code, got.kept, got.changed, got.isBest]).toEqual(["none", true, true, true]);
  const best = got.found.at(-1);
  expect(got.bestStep).toBe(best);
  expect(got.notes).toEqual([`the worker was lost on the way: flex went on from step ${best}`]);
});

test("learning that a worker is lost in before it found anything begins anew", async ({ page }) => {
  await open(page, onCall("learn", 2, "event.stopImmediatePropagation(); self.close();"), 1);
  const got = await learn(page);
  expect(got.notes).toEqual(["the worker was lost on the way: flex went on from the beginning"]);
  expect([got.code, got.kept, got.steps, got.restarts]).toEqual(["none", true, 60, 1]);
});

test("learning that crashes at once, again and again, is given up, and all works on", async ({ page }) => {
  await open(page, onCall("train", 1, "event.stopImmediatePropagation(); throw new Error('trap');"));
  const got = await learn(page);
  expect([got.code, got.best, got.changed, got.restarts]).toEqual(["internal", undefined, false, 0]);
});

test("learning with batches that memory is short of goes on with smaller ones", async ({ page }) => {
  const short = `
    addEventListener("message", (event) => {
      if (event.data.kind !== "train" || event.data.args.options.batch <= 2) return;
      event.stopImmediatePropagation();
      postMessage({ kind: "crashed", message: "memory", gpu: false, memory: true });
    });
  `;
  await open(page, short);
  const got = await learn(page, 8);
  expect(got.notes).toEqual(["memory was short, so batches are smaller: flex went on from the beginning"]);
  expect([got.code, got.kept, got.steps, got.restarts]).toEqual(["none", true, 60, 1]);
});

test("a worker that is only slow is waited for", async ({ page }) => {
  // Answers come three seconds late, which is more than `timeout`, and no message of it is lost.
  const slow = onCall("step", 1, "const end = performance.now() + 3000; while (performance.now() < end);");
  await open(page, slow);
  const got = await page.evaluate(
    async ([text, weightsText, tile]) => {
      const weights = window.fromBase64(weightsText);
      const denoiser = await window.unnoise.Denoiser.create({
        device: "flex",
        weights,
        workers: 1,
        timeout: 1,
      });
      const { info } = await denoiser.denoise(window.fromBase64(text), { tile });
      denoiser.dispose();
      return info.notes;
    },
    [large, REDNET, TILE] as const,
  );
  expect(got).toEqual([]);
});

const ADAPTERS = [
  { name: "throws", script: "GPU.prototype.requestAdapter = () => { throw new Error('blocked'); };" },
  { name: "rejects", script: "GPU.prototype.requestAdapter = () => Promise.reject(new Error('blocked'));" },
  { name: "never answers", script: "GPU.prototype.requestAdapter = () => new Promise(() => {});" },
];

test("a GPU that cannot be had is done without, within three seconds", async ({ page }) => {
  for (const { name, script } of ADAPTERS) {
    const gpu = `
      globalThis.GPU ??= class GPU {};
      if (!navigator.gpu) Object.defineProperty(navigator, "gpu", { value: new GPU() });
      ${script}
    `;
    await page.unrouteAll();
    await open(page, gpu);
    // `auto` looks for a GPU in the page, too.
    await page.evaluate(`{ ${gpu} }`);
    for (const model of ["unet", "auto"]) {
      const got = await page.evaluate(async (model) => {
        const start = performance.now();
        const denoiser = await window.unnoise.Denoiser.create({ model });
        const seconds = (performance.now() - start) / 1000;
        const { device } = denoiser.info();
        denoiser.dispose();
        return { device, seconds };
      }, model);
      expect(got.device, `${name}, ${model}`).toBe("flex");
      // The engine's download and start come on top of it.
      expect(got.seconds, `${name}, ${model}`).toBeLessThan(3 + 2);
    }
  }
});

const STALLS = [
  { name: "weights", pattern: "**/weights/*" },
  { name: "wasm", pattern: "**/*.wasm" },
  { name: "worker script", pattern: "**/pkg/dist/worker.js" },
  { name: "glue", pattern: "**/wasm/cpu/unnoise.js" },
];

for (const { name, pattern } of STALLS) {
  test(`a stalled download of the ${name} is given up, and can be canceled`, async ({ page }) => {
    await open(page);
    const held: (() => void)[] = [];
    await page.route(pattern, (route) => {
      held.push(() => void route.abort());
    });
    const got = await page.evaluate(async () => {
      const { Denoiser } = window.unnoise;
      const start = performance.now();
      const stalled = await window.codeOf(Denoiser.create({ device: "flex", timeout: 2, cache: false }));
      const seconds = (performance.now() - start) / 1000;
      const signal = AbortSignal.timeout(300);
      const began = performance.now();
      const canceled = await window.codeOf(Denoiser.create({ device: "flex", signal, cache: false }));
      return { stalled, seconds, canceled, after: performance.now() - began };
    });
    for (const end of held) end();
    expect([got.stalled, got.canceled]).toEqual(["network", "canceled"]);
    expect(got.seconds).toBeLessThan(5);
    expect(got.after).toBeLessThan(1500);
    await page.unroute(pattern);
    const after = await page.evaluate(() =>
      window.codeOf(window.unnoise.Denoiser.create({ device: "flex" })),
    );
    expect(after).toBe("none");
  });
}

test("a cache that never answers is done without; a photo that stalls is given up", async ({ page }) => {
  await open(page);
  await page.route("**/stalled.png", () => undefined);
  const got = await page.evaluate(async () => {
    CacheStorage.prototype.open = () => new Promise(() => undefined);
    const start = performance.now();
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex", timeout: 2 });
    const seconds = (performance.now() - start) / 1000;
    const code = await window.codeOf(denoiser.denoise("/stalled.png"));
    return { seconds, code };
  });
  expect(got.code).toBe("network");
  expect(got.seconds).toBeLessThan(12);
});

test("a network that is cut is told as such, in every phase", async ({ page }) => {
  await open(page);
  for (const { pattern } of STALLS) {
    await page.route(pattern, (route) => route.abort("connectionreset"));
    const code = await page.evaluate(() =>
      window.codeOf(window.unnoise.Denoiser.create({ device: "flex", cache: false })),
    );
    expect(code, pattern).toBe("network");
    await page.unroute(pattern);
  }
});

test("a file that cannot be read is an error about that file, and nothing else", async ({ page }) => {
  await open(page);
  const got = await page.evaluate(async (text) => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
    const bytes = window.fromBase64(text);
    const result = await denoiser.denoise(bytes);
    const workers: Worker[] = [];
    window.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        workers.push(this);
      }
    };
    // A file in a folder of the browser's own, which is deleted after it was picked.
    const folder = await navigator.storage.getDirectory();
    const handle = await folder.getFileHandle("photo.png", { create: true });
    const writable = await handle.createWritable();
    await writable.write(bytes);
    await writable.close();
    const file = await handle.getFile();
    await folder.removeEntry("photo.png");
    const codes = [
      await window.codeOf(denoiser.denoise(file)),
      await window.codeOf(denoiser.decode(file)),
      await window.codeOf(denoiser.openStack(file)),
      await window.codeOf(Promise.resolve(denoiser.fineTune(file))),
      await window.codeOf(window.unnoise.Denoiser.create({ device: "flex", weights: file })),
    ];
    const before = workers.length;
    const kept = (await result.blob()).size > 0;
    codes.push(await window.codeOf(denoiser.denoise(bytes)));
    return { codes, kept, started: workers.length - before };
  }, small);
  expect(got).toEqual({
    codes: ["decode", "decode", "decode", "decode", "weights", "none"],
    kept: true,
    started: 0,
  });
});

test("offline, a cancel leaves a denoiser that works, again and again", async ({ page, context }) => {
  await open(page);
  await page.evaluate(async (text) => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex", workers: 1 });
    await denoiser.denoise(window.fromBase64(text));
    Object.assign(window, { denoiser });
  }, small);
  await context.setOffline(true);
  const got = await page.evaluate(
    async ([large, small]) => {
      const { denoiser } = window as unknown as { denoiser: import("unnoise").Denoiser };
      const codes: string[] = [];
      const waits: number[] = [];
      for (let i = 0; i < 3; i += 1) {
        const signal = AbortSignal.timeout(500);
        codes.push(await window.codeOf(denoiser.denoise(window.fromBase64(large), { adapt: "x8", signal })));
        const start = performance.now();
        codes.push(await window.codeOf(denoiser.denoise(window.fromBase64(small))));
        waits.push(performance.now() - start);
      }
      return { codes, waits };
    },
    [photo(512, 400).buffer.toString("base64"), small] as const,
  );
  await context.setOffline(false);
  expect(got.codes).toEqual(["canceled", "none", "canceled", "none", "canceled", "none"]);
  // The worker that waits takes over; after that it is the one before, as soon as it has done its tile.
  expect(got.waits[0]).toBeLessThan(3000);
});

test("the call after a cancel does not wait for the tile, with an older result held", async ({ page }) => {
  await open(page);
  const got = await page.evaluate(
    async ([large, small]) => {
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex", workers: 1 });
      const held = await denoiser.denoise(window.fromBase64(small));
      const tile = performance.now();
      const whole = await denoiser.denoise(window.fromBase64(small));
      const usual = performance.now() - tile;
      whole.dispose();
      const controller = new AbortController();
      const long = window.codeOf(
        denoiser.denoise(window.fromBase64(large), { adapt: "x8", signal: controller.signal }),
      );
      await new Promise((resolve) => setTimeout(resolve, 700));
      controller.abort();
      const code = await long;
      const start = performance.now();
      await denoiser.denoise(window.fromBase64(small));
      const waited = performance.now() - start - usual;
      return { code, waited, size: (await held.blob()).size };
    },
    [photo(512, 400).buffer.toString("base64"), small] as const,
  );
  expect(got.code).toBe("canceled");
  expect(got.size).toBeGreaterThan(0);
  expect(got.waited).toBeLessThan(1000);
});

test("what callbacks throw is told as that, in every phase, and nothing is lost", async ({ page }) => {
  await open(page);
  const got = await page.evaluate(
    async ([text, weightsText, tile]) => {
      const { Denoiser, UnnoiseError } = window.unnoise;
      const fail = (wanted: string) => (progress: Progress) => {
        if (progress.phase === wanted) throw new Error("mine");
      };
      const told = (promise: PromiseLike<unknown>) =>
        promise.then(
          () => "none",
          (error: unknown) => (error instanceof UnnoiseError ? `${error.code}: ${error.message}` : "raw"),
        );
      const weights = window.fromBase64(weightsText);
      const bytes = window.fromBase64(text);
      const said = [
        await told(Denoiser.create({ device: "flex", cache: false, onProgress: fail("weights") })),
        await told(Denoiser.create({ device: "flex", onProgress: fail("engine") })),
      ];
      const denoiser = await Denoiser.create({ device: "flex", weights, workers: 1 });
      const throws = () => {
        throw new Error("mine");
      };
      said.push(
        await told(denoiser.denoise(bytes, { tile, onProgress: fail("tiles") })),
        await told(denoiser.denoise(bytes, { tile, onTile: throws })),
        await told(denoiser.fineTune(bytes, { steps: 2, onProgress: throws })),
      );
      const after = await window.codeOf(denoiser.denoise(bytes, { tile }));
      return { said, after };
    },
    [large, REDNET, TILE] as const,
  );
  expect(got.after).toBe("none");
  expect(got.said.map((text) => text.replace(/^option: on\w+ threw an error: mine$/, "told"))).toEqual(
    Array.from({ length: 5 }, () => "told"),
  );
});

test("batches that no memory holds are refused at once", async ({ page }) => {
  await open(page);
  const got = await page.evaluate(async (text) => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
    const bytes = window.fromBase64(text);
    const start = performance.now();
    const codes: string[] = [];
    for (const options of [{ batch: 1e6 }, { batch: 1e9 }, { patch: 1e5 }, { batch: 200, patch: 512 }]) {
      codes.push(await window.codeOf(Promise.resolve(denoiser.fineTune(bytes, options))));
    }
    return { codes, seconds: (performance.now() - start) / 1000 };
  }, small);
  expect(got.codes).toEqual(["option", "option", "option", "option"]);
  expect(got.seconds).toBeLessThan(1);
});

test("the table of faults names tests that there are", () => {
  const folder = new URL(".", import.meta.url);
  const specs = readdirSync(folder).filter((name) => name.endsWith(".spec.ts"));
  const titles = specs.flatMap(
    (name) =>
      read(name)
        .toString()
        .match(/\btest\([^]*?=>/g) ?? [],
  );
  const rows = read("FAULTS.md")
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2);
  const named = rows.map((row) => row.split("|")[3]?.trim() ?? "");
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((words) => !titles.some((title) => title.includes(words)))).toEqual([]);
});
