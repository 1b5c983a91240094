/** Adapters that are there only when asked for again, and offer no more than they must. */
import { expect, test } from "@playwright/test";
import { fixture } from "./files";
import { openModule } from "./module";

/** Runs before the package's worker: no adapter for the first two who ask, and none that tells the time. */
const RELUCTANT = `
  const clock = "timestamp-query";
  const { requestAdapter } = GPU.prototype;
  let asked = 0;
  GPU.prototype.requestAdapter = async function (options) {
    asked += 1;
    return asked > 2 ? requestAdapter.call(this, options) : null;
  };
  const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "features");
  Object.defineProperty(GPUAdapter.prototype, "features", {
    get() { return new Set([...get.call(this)].filter((feature) => feature !== clock)); },
  });
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function (descriptor) {
    const wanted = [...(descriptor?.requiredFeatures ?? [])];
    return wanted.includes(clock) ? Promise.reject(new TypeError(clock)) : requestDevice.call(this, descriptor);
  };
`;

test("an adapter that comes late and has no timestamp-query is used", async ({ page }) => {
  await page.route("**/pkg/dist/worker.js", async (route) => {
    const response = await route.fetch();
    // Imports are hoisted, and ask for nothing.
    await route.fulfill({ response, body: RELUCTANT + (await response.text()) });
  });
  await openModule(page);
  const got = await page.evaluate(async (photo) => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "webgpu" });
    const result = await denoiser.denoise(window.fromBase64(photo));
    const { data } = await result.float32();
    const { device } = denoiser.info();
    denoiser.dispose();
    return { device, finite: data.every(Number.isFinite), brightest: Math.max(...data) };
  }, fixture("gray.png").buffer.toString("base64"));
  expect(got.device).toBe("webgpu");
  expect(got.finite).toBe(true);
  expect(got.brightest).toBeGreaterThan(0.1);
});
