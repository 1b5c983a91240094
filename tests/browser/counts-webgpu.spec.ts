/** What a tile and a step of learning cost on a GPU beside arithmetic: dispatches and the buffers that are read back. */
import { expect, type Page, test } from "@playwright/test";
import { fixture, photo } from "./files";
import { MODULE, openModule } from "./module";

/**
 * Dispatches of a tile at most. `unet` has 22 convolutions. Noise2Void's batch normalisations and bilinear doublings are made
 * of several operations each.
 */
const DISPATCHES: Record<string, number> = {
  unet: 30,
  rednet: 30,
  "noise2noise-nvlabs": 30,
  noise2void: 130,
  neighbor2neighbor: 30,
};

/**
 * Dispatches of a step at most. The small `unet` has 18 convolutions: forward, two gradients of one or two dispatches each, and
 * weights packed for both ways; the optimiser and the average of the weights are one each.
 */
const DISPATCHES_OF_STEP = 190;

interface Counts {
  dispatches: number;
  readbacks: number;
}

declare global {
  interface Window {
    /** What was asked of the GPU since this was last called. */
    told: () => Promise<Counts>;
  }
}

/** Runs before the package's worker: tells what was asked of the GPU since it was last told. */
const COUNTING = `
  const counts = { dispatches: 0, readbacks: 0 };
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    counts.dispatches += 1;
    return dispatchWorkgroups.apply(this, size);
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...range) {
    counts.readbacks += 1;
    return mapAsync.apply(this, range);
  };
  const channel = new BroadcastChannel("counts");
  channel.onmessage = ({ data }) => {
    if (data !== "tell") return;
    channel.postMessage({ ...counts });
    counts.dispatches = counts.readbacks = 0;
  };
`;

/** Opens a page with the package, whose worker counts. */
async function openCounting(page: Page): Promise<void> {
  await page.route("**/pkg/dist/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: COUNTING + (await response.text()) });
  });
  await openModule(page);
  await page.evaluate(() => {
    const channel = new BroadcastChannel("counts");
    // Workers that wait for work answer, too.
    window.told = async () => {
      const sum = { dispatches: 0, readbacks: 0 };
      channel.onmessage = ({ data }: MessageEvent<typeof sum>) => {
        sum.dispatches += data.dispatches;
        sum.readbacks += data.readbacks;
      };
      channel.postMessage("tell");
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return sum;
    };
  });
}

test("a tile takes few dispatches and one readback", async ({ page }) => {
  test.setTimeout(600_000);
  await openCounting(page);
  for (const [model, most] of Object.entries(DISPATCHES)) {
    const counts = await page.evaluate(
      async ({ photo, model, weightsUrl }) => {
        const file = window.fromBase64(photo);
        const denoiser = await window.unnoise.Denoiser.create({ device: "webgpu", model, weightsUrl });
        await denoiser.denoise(file, { adapt: "plain" });
        await window.told();
        const result = await denoiser.denoise(file, { adapt: "plain" });
        const counts = await window.told();
        denoiser.dispose();
        return { ...counts, tiles: result.info.tiles };
      },
      {
        photo: fixture("gray.png").buffer.toString("base64"),
        model,
        weightsUrl: `${MODULE.baseURL}${model === "unet" ? "pkg/weights" : "pkg-weights"}/${model}.safetensors`,
      },
    );
    test.info().annotations.push({ type: model, description: JSON.stringify(counts) });
    expect.soft(counts.tiles, model).toBe(1);
    expect.soft(counts.readbacks, model).toBe(1);
    expect.soft(counts.dispatches, model).toBeLessThanOrEqual(most);
    expect.soft(counts.dispatches, model).toBeGreaterThan(0);
  }
});

test("a step of learning takes few dispatches, and reads nothing but the loss", async ({ page }) => {
  test.setTimeout(600_000);
  await openCounting(page);
  const [few, many] = await page.evaluate(async (text) => {
    const denoiser = await window.unnoise.Denoiser.create({
      device: "webgpu",
      model: "unet",
      preset: "small",
      seed: 1,
    });
    const learned = async (steps: number) => {
      await window.told();
      const options = { objective: "noise2void", steps, patch: 32, batch: 2 } as const;
      const { scores } = await denoiser.fineTune(window.fromBase64(text), options);
      return { steps, validations: scores.length, ...(await window.told()) };
    };
    // A first run compiles shaders.
    await learned(4);
    return [await learned(4), await learned(8)] as const;
  }, photo(64, 64).buffer.toString("base64"));
  test.info().annotations.push({ type: "steps", description: JSON.stringify([few, many]) });
  expect(many.validations).toBe(few.validations);
  const steps = many.steps - few.steps;
  const dispatches = (many.dispatches - few.dispatches) / steps;
  expect(dispatches).toBeGreaterThan(0);
  expect(dispatches).toBeLessThanOrEqual(DISPATCHES_OF_STEP);
  expect(many.readbacks - few.readbacks).toBeLessThanOrEqual(steps);
});
