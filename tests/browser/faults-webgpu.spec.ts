/** GPUs that fail, on a software adapter that says it is none. */
import { expect, test } from "@playwright/test";
import { photo, read } from "./files";
import { openModule } from "./module";

const large = photo(150, 32).buffer.toString("base64");
const WEIGHTS = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors").toString("base64");

/**
 * Runs before the package's worker: the adapter looks like hardware, and the first so many workers do `fail` when a call
 * comes.
 */
const faulty = (kind: string, nth: number, times: number, fail: string) => `
  Object.defineProperties(GPUAdapterInfo.prototype, {
    vendor: { value: "test" },
    architecture: { value: "" },
    device: { value: "" },
    description: { value: "" },
    isFallbackAdapter: { value: false },
  });
  const { requestDevice } = GPUAdapter.prototype;
  let device;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    return (device = await requestDevice.call(this, descriptor));
  };
  let calls = 0;
  addEventListener("message", (event) => {
    if (event.data.kind === "${kind}" && ++calls === ${nth} && WORKER < ${times}) {
      ${fail}
    }
  });
`;

const DESTROY = "device?.destroy();";
const REJECT =
  "GPUBuffer.prototype.mapAsync = () => Promise.reject(new DOMException('lost', 'OperationError'));";
const SILENT = "GPUBuffer.prototype.mapAsync = () => new Promise(() => {});";
const WRONG = `
  const { getMappedRange } = GPUBuffer.prototype;
  GPUBuffer.prototype.getMappedRange = function (...range) {
    const bytes = getMappedRange.apply(this, range);
    const floats = this.usage & GPUBufferUsage.MAP_READ ? new Float32Array(bytes) : [];
    for (let i = 0; i < floats.length; i += 7) floats[i] *= 1.1;
    return bytes;
  };`;

const CASES = [
  { name: "lost once", script: faulty("step", 2, 1, DESTROY), device: "webgpu" },
  { name: "lost twice", script: faulty("step", 2, 2, DESTROY), device: "flex" },
  { name: "whose results cannot be read", script: faulty("step", 2, 9, REJECT), device: "flex" },
  { name: "that falls silent once", script: faulty("step", 2, 1, SILENT), device: "webgpu" },
  { name: "that falls silent", script: faulty("step", 2, 9, SILENT), device: "flex" },
  { name: "lost as it starts", script: faulty("load", 1, 9, DESTROY), device: "flex" },
  { name: "that computes wrongly", script: faulty("load", 1, 9, WRONG), device: "flex" },
  {
    name: "that gives no device",
    script: `${faulty("never", 1, 0, "")}
      GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException("no", "OperationError"));`,
    device: "flex",
  },
  {
    name: "whose device never comes",
    script: `${faulty("never", 1, 0, "")} GPUAdapter.prototype.requestDevice = () => new Promise(() => {});`,
    device: "flex",
  },
];

for (const { name, script, device } of CASES) {
  test(`a GPU ${name}: the photo is finished`, async ({ page }) => {
    let workers = 0;
    await page.route("**/pkg/dist/worker.js", (route) => {
      const body = `const WORKER = ${workers++};` + script + read("../../pkg/dist/worker.js").toString();
      return route.fulfill({ contentType: "text/javascript", body });
    });
    await openModule(page);
    const got = await page.evaluate(
      async ({ photo, weights }) => {
        const {
          fromBase64: decoded,
          unnoise: { Denoiser },
        } = window;
        const start = performance.now();
        const denoiser = await Denoiser.create({ weights: decoded(weights), workers: 1, timeout: 8 });
        const seconds = (performance.now() - start) / 1000;
        const restarts: string[] = [];
        const dones: number[] = [];
        const result = await denoiser.denoise(decoded(photo), {
          tile: 80 * 32,
          onProgress: (progress) => {
            if (progress.phase === "restart") restarts.push(progress.reason);
            if (progress.phase === "tiles") dones.push(progress.done);
          },
        });
        const cpu = await Denoiser.create({ device: "flex", weights: decoded(weights), workers: 1 });
        const expected = await (await cpu.denoise(decoded(photo), { tile: 80 * 32 })).float32();
        const { data } = await result.float32();
        const worst = data.reduce(
          (max, value, i) => Math.max(max, Math.abs(value - (expected.data[i] ?? 9))),
          0,
        );
        const { notes, device, reason } = result.info;
        const went = { worst, notes: notes.length, device, reason, now: denoiser.info().device };
        denoiser.dispose();
        return { ...went, seconds, restarts: restarts.length, dones };
      },
      { photo: large, weights: WEIGHTS },
    );
    expect(got).toMatchObject({ device, now: device });
    // What happens before the photo is there is not told of the photo.
    if (script.includes('"step"')) expect(got).toMatchObject({ restarts: 1, notes: 1 });
    expect(got.restarts).toBeLessThanOrEqual(1);
    expect(got.worst).toBeLessThan(0.005);
    // What was done was not done again.
    expect(got.dones).toEqual(got.dones.toSorted((a, b) => a - b));
  });
}
