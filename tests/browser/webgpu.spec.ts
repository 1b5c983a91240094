/** WebGPU, on the software adapter that machines without a GPU have. */
import { fixture } from "./files";
import { expect, test } from "./page";
import { worstDifference } from "./pixels";

test("auto passes over a software adapter; asked for by name, it gives what the CPU gives", async ({
  app,
}) => {
  await expect(app.engine).toHaveText(/^Uses: Processor\. The only WebGPU adapter here is software/);
  const onCpu = await app.result(fixture("gray.png"));
  await app.device.selectOption("webgpu");
  await expect(app.engine).toHaveText(/^Uses: Graphics card \(.+\)\. It was asked for\.$/, {
    timeout: 60_000,
  });
  await app.denoise(200_000);
  const onGpu = (await app.download()).picture;
  expect(worstDifference(onGpu, onCpu)).toBeLessThanOrEqual(1);
});
