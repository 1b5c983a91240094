/** Fine-tuning by the package, in a page without a bundler. */
import { expect, test } from "@playwright/test";
import type { Denoiser } from "unnoise";
import { photo, read } from "./files";
import { MODULE, openModule } from "./module";

test.use(MODULE);

test.beforeEach(({ page }) => openModule(page));

const base64 = (width: number, height: number) => photo(width, height).buffer.toString("base64");
const noisy = base64(64, 56);

test("a network learns from scratch, pauses, is exported, loaded again, and goes back", async ({ page }) => {
  const got = await page.evaluate(
    async (text) => {
      const { Denoiser } = window.unnoise;
      const bytes = window.fromBase64(text);
      const run = async (denoiser: Denoiser) => {
        // Several tiles: helpers have to have the same weights.
        const result = await denoiser.denoise(bytes, { tile: 72 * 72 });
        return { tiles: result.info.tiles, data: Array.from((await result.float32()).data) };
      };
      const workers: Worker[] = [];
      window.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(url, options);
          workers.push(this);
        }
      };
      const denoiser = await Denoiser.create({
        device: "flex",
        model: "noise2void",
        preset: "small",
        workers: 2,
      });
      const before = await run(denoiser);

      const shown: number[][] = [];
      const preview = { x: 8, y: 4, width: 24, height: 20 };
      const tuning = denoiser.fineTune(bytes, {
        steps: 60,
        patch: 32,
        batch: 2,
        seed: 7,
        preview,
        onPreview: ({ x, y, image }) => shown.push([x, y, image.width, image.height]),
      });
      const after = run(denoiser);
      const steps: number[] = [];
      let grown = -1;
      let readWhilePaused = 0;
      for await (const { phase, step } of tuning) {
        steps.push(step);
        if (phase !== "learning" || step < 5 || grown >= 0) continue;
        tuning.pause();
        // The report of what was under way may still come.
        await new Promise((resolve) => setTimeout(resolve, 500));
        let reports = 0;
        void (async () => {
          for await (const report of tuning) reports += report.step > 0 ? 1 : 0;
        })();
        readWhilePaused = (await denoiser.decode(bytes)).width;
        await new Promise((resolve) => setTimeout(resolve, 500));
        grown = reports;
        tuning.resume();
      }
      const tuned = await tuning;
      const tunedResult = await after;

      const weights = await denoiser.exportWeights();
      const file = new Uint8Array(await weights.arrayBuffer());
      const headerSize = new DataView(file.buffer).getUint32(0, true);
      const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerSize))) as {
        __metadata__: Record<string, string>;
      };
      const other = await Denoiser.create({ device: "flex", weights, model: "noise2void", workers: 1 });
      const again = await run(other);
      // The first worker, which has learned, crashes; the next one has to have the tuned weights as well.
      workers[0]?.dispatchEvent(new ErrorEvent("error"));
      const risen = await run(denoiser);
      await denoiser.revert();
      const reverted = await run(denoiser);
      const card = window.unnoise.models().find(({ id }) => id === "noise2void");
      const same = (a: number[], b: number[]) => a.length === b.length && a.every((v, i) => v === b[i]);
      return {
        tuned,
        byDefault: card?.defaultObjectives.random,
        steps,
        shown,
        grown,
        readWhilePaused,
        notes: header.__metadata__,
        tiles: before.tiles,
        changed: !same(before.data, tunedResult.data),
        again: same(tunedResult.data, again.data),
        risen: same(tunedResult.data, risen.data),
        reverted: same(before.data, reverted.data),
      };
    },
    base64(112, 96),
  );
  expect(got.tuned).toMatchObject({ kept: true, steps: 60, objective: got.byDefault, model: "noise2void" });
  expect(got.tuned.bestStep).toBeGreaterThan(0);
  expect(got.tuned.scores[0]?.[0]).toBe(0);
  expect(got.steps).toEqual([...got.steps].sort((a, b) => a - b));
  expect(got.steps.length).toBeGreaterThan(3);
  expect(got.shown[0]).toEqual([8, 4, 24, 20]);
  expect([got.grown, got.readWhilePaused]).toEqual([0, 112]);
  expect(got.notes).toMatchObject({
    model: "noise2void",
    base: "random weights, small",
    objective: got.tuned.objective,
    seed: "7",
    steps: String(got.tuned.bestStep),
  });
  expect(got.tiles).toBeGreaterThan(1);
  expect([got.changed, got.again, got.risen, got.reverted]).toEqual([true, true, true, true]);
});

test("giving up leaves the network as it was, stopping keeps the best so far", async ({ page }) => {
  const got = await page.evaluate(async (text) => {
    const { Denoiser } = window.unnoise;
    const bytes = window.fromBase64(text);
    const denoiser = await Denoiser.create({ device: "flex", model: "unet" });
    const denoised = async () => Array.from((await (await denoiser.denoise(bytes)).float32()).data);
    const before = await denoised();

    const controller = new AbortController();
    let learned = 0;
    const given = denoiser.fineTune(bytes, {
      learningRate: 0.01,
      steps: 1000,
      patch: 32,
      batch: 1,
      signal: controller.signal,
      onProgress: ({ phase, step }) => {
        if (phase !== "learning" || step < 2) return;
        learned = step;
        controller.abort();
      },
    });
    const code = await window.codeOf(given);
    const after = await denoised();
    const weights = Array.from(new Uint8Array(await (await denoiser.exportWeights()).arrayBuffer()));
    denoiser.dispose();

    const fresh = await Denoiser.create({ device: "flex", model: "unet", preset: "small", seed: 3 });
    const tuning = fresh.fineTune(bytes, { steps: 1e6, budget: 60, patch: 32, batch: 4 });
    for await (const { step } of tuning) if (step >= 150) tuning.stop();
    const stopped = await tuning;
    return { code, learned, before, after, weights, stopped };
  }, noisy);
  expect(got.code).toBe("canceled");
  expect(got.learned).toBeGreaterThanOrEqual(2);
  expect(got.after).toEqual(got.before);
  expect(Buffer.from(got.weights).equals(read("../../pkg/weights/unet.safetensors"))).toBe(true);
  expect(got.stopped.kept).toBe(true);
  expect(got.stopped.seconds).toBeLessThan(55);
});

test("the best weights so far are told while a network learns, and are those that it ends with", async ({
  page,
}) => {
  const got = await page.evaluate(
    async (text) => {
      const { Denoiser } = window.unnoise;
      const bytes = window.fromBase64(text);
      // The notes in the header have no order.
      const contentsOf = async (file: Blob) => {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const start = 8 + new DataView(bytes.buffer).getUint32(0, true);
        const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as object;
        return { header, arrays: Array.from(bytes.subarray(start)) };
      };
      const few = { steps: 60, patch: 32, batch: 2 };
      const denoiser = await Denoiser.create({ device: "flex", model: "noise2void", preset: "small" });
      const told: { step: number; weights: Blob }[] = [];
      const tuned = await denoiser.fineTune(bytes, {
        ...few,
        onBest: (best) => {
          told.push(best);
        },
      });
      const last = told.at(-1);
      const best = last && (await contentsOf(last.weights));
      const exported = await contentsOf(await denoiser.exportWeights());
      await denoiser.revert();
      const before = await contentsOf(await denoiser.exportWeights());
      const thrown = await window.codeOf(
        denoiser.fineTune(bytes, {
          ...few,
          onBest: () => {
            throw new Error("mine");
          },
        }),
      );
      const after = await contentsOf(await denoiser.exportWeights());
      return { tuned, steps: told.map(({ step }) => step), best, exported, before, thrown, after };
    },
    base64(112, 96),
  );
  expect(got.tuned.kept).toBe(true);
  expect(got.steps.at(-1)).toBe(got.tuned.bestStep);
  expect(got.steps).toEqual([...new Set(got.steps)].sort((a, b) => a - b));
  expect(got.exported.arrays.length).toBeGreaterThan(0);
  expect(got.best).toEqual(got.exported);
  expect(got.thrown).toBe("option");
  expect(got.after).toEqual(got.before);
});

test("a paused run ends with its denoiser; what cannot be done is said", async ({ page }) => {
  const codes = await page.evaluate(async (text) => {
    const { Denoiser, objectives } = window.unnoise;
    const { codeOf } = window;
    const bytes = window.fromBase64(text);
    const denoiser = await Denoiser.create({ device: "flex", model: "noise2void", preset: "small" });
    const few = { steps: 1, patch: 32, batch: 1 };
    const unsuitable = await codeOf(denoiser.fineTune(bytes, { objective: "blind-spot-nll" }));
    const unknown = await codeOf(denoiser.fineTune(bytes, { objective: "magic" }));
    const alone = await codeOf(denoiser.fineTune(bytes, { objective: "supervised" }));
    const negative = await codeOf(denoiser.fineTune(bytes, { steps: -1 }));
    const outside = { x: 60, y: 0, width: 8, height: 8 };
    const beyond = await codeOf(denoiser.fineTune(bytes, { ...few, preview: outside }));
    const nothing = await codeOf(denoiser.fineTune([], few));
    const aborted = await codeOf(denoiser.fineTune(bytes, { signal: AbortSignal.abort() }));
    const damaged = await codeOf(denoiser.fineTune(new Uint8Array(20)));
    const preset = await codeOf(Denoiser.create({ device: "flex", preset: "gigantic" }));
    const both = await codeOf(Denoiser.create({ preset: "small", weights: bytes }));
    const clean = await codeOf(denoiser.fineTune(bytes, { ...few, objective: "supervised", clean: bytes }));
    const pair = await codeOf(denoiser.fineTune([bytes, bytes], { ...few, objective: "noise2noise" }));
    const paused = denoiser.fineTune(bytes, few);
    paused.pause();
    const disposed = codeOf(paused);
    // Long enough to be in the pause.
    await new Promise((resolve) => setTimeout(resolve, 500));
    denoiser.dispose();
    const refused = { unsuitable, unknown, alone, negative, beyond, nothing, damaged, preset, both };
    const suitable = objectives("noise2void").map(({ id }) => id);
    return { refused, ended: [aborted, await disposed], fine: [clean, pair], suitable };
  }, noisy);
  expect(codes.refused).toEqual({
    unsuitable: "option",
    unknown: "option",
    alone: "option",
    negative: "option",
    beyond: "option",
    nothing: "option",
    damaged: "decode",
    preset: "option",
    both: "option",
  });
  expect(codes.ended).toEqual(["canceled", "disposed"]);
  expect(codes.fine).toEqual(["none", "none"]);
  expect(codes.suitable).toContain("noise2void");
  expect(codes.suitable).not.toContain("blind-spot-nll");
});
