/** Fine-tuning on WebGPU: the software adapter that machines without a GPU have, so a small network and few steps. */
import { expect, test } from "@playwright/test";
import { photo } from "./files";
import { openModule } from "./module";

test("twenty steps on WebGPU follow the CPU", async ({ page }) => {
  await openModule(page);
  const [onCpu, onGpu] = await page.evaluate(async (text) => {
    const { Denoiser } = window.unnoise;
    const bytes = window.fromBase64(text);
    // Devices draw different random numbers, so both load the weights that one has drawn.
    const drawn = await Denoiser.create({ device: "flex", model: "unet", preset: "small", seed: 1 });
    const weights = await drawn.exportWeights();
    drawn.dispose();
    const learned = async (device: "flex" | "webgpu") => {
      const denoiser = await Denoiser.create({ device, weights, model: "unet" });
      const losses = new Map<number, number>();
      const tuned = await denoiser.fineTune(bytes, {
        objective: "noise2void",
        learningRate: 1e-3,
        steps: 20,
        patch: 32,
        batch: 2,
        onProgress: ({ step, loss }) => {
          if (loss !== null) losses.set(step, loss);
        },
      });
      denoiser.dispose();
      return { ...tuned, loss: [...losses.values()].at(-1) ?? Number.NaN };
    };
    return [await learned("flex"), await learned("webgpu")] as const;
  }, photo(64, 64).buffer.toString("base64"));
  expect([onCpu.device, onGpu.device]).toEqual(["flex", "webgpu"]);
  expect([onCpu.steps, onGpu.steps]).toEqual([20, 20]);
  const near = (a: number, b: number) => {
    expect(Math.abs(a - b) / Math.abs(b)).toBeLessThan(1e-2);
  };
  near(onGpu.loss, onCpu.loss);
  expect(onGpu.scores.map(([step]) => step)).toEqual(onCpu.scores.map(([step]) => step));
  expect(onGpu.scores.length).toBeGreaterThan(3);
  for (const [i, [, score]] of onGpu.scores.entries()) near(score, onCpu.scores[i]?.[1] ?? Number.NaN);
});
