/** What a tile costs on a GPU beside arithmetic: dispatches and the buffers that are read back, by network. */
import { expect, test } from "@playwright/test";
import { fixture } from "./files";
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

test("a tile takes few dispatches and one readback", async ({ page }) => {
  test.setTimeout(600_000);
  await page.route("**/pkg/dist/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: COUNTING + (await response.text()) });
  });
  await openModule(page);
  for (const [model, most] of Object.entries(DISPATCHES)) {
    const counts = await page.evaluate(
      async ({ photo, model, weightsUrl }) => {
        const channel = new BroadcastChannel("counts");
        // Workers that wait for work answer, too.
        const told = async () => {
          const sum = { dispatches: 0, readbacks: 0 };
          channel.onmessage = ({ data }: MessageEvent<typeof sum>) => {
            sum.dispatches += data.dispatches;
            sum.readbacks += data.readbacks;
          };
          channel.postMessage("tell");
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return sum;
        };
        const file = window.fromBase64(photo);
        const denoiser = await window.unnoise.Denoiser.create({ device: "webgpu", model, weightsUrl });
        await denoiser.denoise(file, { adapt: "plain" });
        await told();
        const result = await denoiser.denoise(file, { adapt: "plain" });
        const counts = await told();
        denoiser.dispose();
        channel.close();
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
