/** Many photos in a row: memory does not grow with them. `load.ts` does that for hours. */
import type { CDPSession } from "@playwright/test";
import { file, photo, read } from "./files";
import { expect, test } from "./page";
import { resident } from "./processes";

/** Photos until the engine has the memory that it works in. */
const FIRST = 12;
const MORE = 12;
/** A browser takes memory in steps of its own; a leak grows in every pass. */
const PASSES = 4;
const [WIDTH, HEIGHT] = [900, 700];

test.skip(process.platform !== "linux", "the memory of processes is read from /proc");

test("many photos in a row leave no memory behind", async ({ app, page, browser }) => {
  test.slow();
  const small = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors");
  await app.chooseWeights(file("small.safetensors", small));
  await expect(app.weights).toHaveText("small.safetensors");
  await app.adapt.selectOption("plain");
  const session = await page.context().newCDPSession(page);
  let count = 0;
  const pass = async (photos: number) => {
    for (let i = 0; i < photos; i += 1) {
      await app.show(photo(WIDTH, HEIGHT, `${count++}.png`));
      await app.denoise();
    }
    await session.send("HeapProfiler.collectGarbage");
    const { renderers, browser: rest } = await resident(browser);
    return (renderers[0] ?? 0) + rest;
  };
  // A leak of the smallest of a photo's buffers, that of its samples, would be twice as much.
  const bound = (0.5 * MORE * 3 * WIDTH * HEIGHT) / 2 ** 20;
  let before = await pass(FIRST);
  let growth = Infinity;
  for (let i = 0; i < PASSES && growth >= bound; i += 1) {
    const after = await pass(MORE);
    growth = Math.min(growth, after - before);
    before = after;
  }
  expect(growth).toBeLessThan(bound);
});

/** How many workers' objects there are in the page, garbage apart. */
async function workers(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  const objectGroup = "workers";
  const { result } = await session.send("Runtime.evaluate", { expression: "Worker.prototype", objectGroup });
  const prototypeObjectId = result.objectId ?? "";
  const { objects } = await session.send("Runtime.queryObjects", { prototypeObjectId, objectGroup });
  const count = await session.send("Runtime.callFunctionOn", {
    objectId: objects.objectId ?? "",
    functionDeclaration: "function () { return this.length; }",
  });
  // They are held until then.
  await session.send("Runtime.releaseObjectGroup", { objectGroup });
  return count.result.value as number;
}

test("workers of networks that were tuned or left leave nothing behind", async ({ app, page }) => {
  test.slow();
  const session = await page.context().newCDPSession(page);
  const round = async (name: string) => {
    await app.show(photo(48, 40, name));
    await app.denoise();
    await app.learnButton.click();
    await app.stopButton.click();
    await expect(app.learned).toHaveText(/^(Better|Not clearly better|Stopped)/, { timeout: 60_000 });
    await app.model.selectOption("noise2noise");
    await expect(app.model).toBeEnabled();
    await app.denoise();
    await app.model.selectOption("unet");
    await expect(app.model).toBeEnabled();
  };
  for (let i = 0; i < 4; i += 1) await round(`${i}.png`);
  // Results of a photo keep the networks that made them; another photo lets go of them.
  await app.show(photo(48, 40, "last.png"));
  // One in use and one that waits, of the network chosen and of the one before. Some garbage takes a second collection.
  await expect.poll(() => workers(session)).toBeLessThanOrEqual(4);
});
