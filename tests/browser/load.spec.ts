/** Many photos in a row: memory does not grow with them. `load.ts` does that for hours. */
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
