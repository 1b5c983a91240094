/** Tiles shared by several workers: the same bits, less time, and nothing lost when one of them is. */
import { expect, test } from "@playwright/test";
import { photo, read } from "./files";
import { MODULE, openModule } from "./module";

test.use(MODULE);

test.beforeEach(({ page }) => openModule(page));

const large = photo(290, 64).buffer.toString("base64");
// One that sees only its receptive field, and one that surveys the whole photo.
const networks = {
  rednet: { file: "rednet/rednet20_tiny_stride1_c3", tile: 128 * 64 },
  dasr: { file: "dasr/tiny_x4_19x17_odd", tile: 128 * 64 },
};
const weightsOf = (file: string) => read(`../fixtures/${file}/weights.safetensors`).toString("base64");
const REDNET = weightsOf(networks.rednet.file);
const TILE = networks.rednet.tile;

for (const [name, { file, tile }] of Object.entries(networks)) {
  test(`${name}: three workers give the bits that one gives`, async ({ page }) => {
    const got = await page.evaluate(
      async ([text, weightsText, tile]) => {
        const run = async (workers: number) => {
          const weights = window.fromBase64(weightsText);
          const denoiser = await window.unnoise.Denoiser.create({ device: "flex", weights, workers });
          const steps: number[] = [];
          let pixels = 0;
          const result = await denoiser.denoise(window.fromBase64(text), {
            tile,
            onProgress: (progress) => {
              // Progress within a tile is told, too.
              if (progress.phase === "tiles" && progress.done !== steps.at(-1)) steps.push(progress.done);
            },
            onTile: ({ image }) => (pixels += image.width * image.height),
          });
          const { tiles, workers: shared } = result.info;
          const all = pixels === result.width * result.height;
          const { data } = await result.float32();
          denoiser.dispose();
          return { data, steps, tiles, shared, all };
        };
        const one = await run(1);
        const three = await run(3);
        const same =
          one.data.length === three.data.length && one.data.every((value, i) => value === three.data[i]);
        return { same, all: [one.all, three.all], shared: [one.shared, three.shared], ...steps(one, three) };

        function steps(a: typeof one, b: typeof one) {
          return { tiles: [a.tiles, b.tiles], steps: [a.steps, b.steps] };
        }
      },
      [large, weightsOf(file), tile] as const,
    );
    const [tiles] = got.tiles;
    expect(tiles).toBeGreaterThan(2);
    const counted = Array.from({ length: (tiles ?? 0) + 1 }, (_, i) => i);
    expect(got).toEqual({
      same: true,
      all: [true, true],
      shared: [1, 3],
      tiles: [tiles, tiles],
      steps: [counted, counted],
    });
  });
}

test("a helper that crashes, or does not start, is done without", async ({ page }) => {
  const got = await page.evaluate(
    async ([text, weightsText, tile]) => {
      const workers: Worker[] = [];
      let broken = false;
      window.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(broken ? "/nowhere.js" : url, options);
          workers.push(this);
        }
      };
      const run = async (lose: () => void) => {
        broken = false;
        const from = workers.length;
        const weights = window.fromBase64(weightsText);
        const denoiser = await window.unnoise.Denoiser.create({ device: "flex", weights, workers: 2 });
        const result = await denoiser.denoise(window.fromBase64(text), {
          tile,
          onProgress: ({ phase }) => {
            if (phase === "tiles") lose();
          },
        });
        const { data } = await result.float32();
        denoiser.dispose();
        return { data, started: workers.length - from };
      };
      const whole = await run(() => undefined);
      const crash = (index: number) => workers.at(index)?.dispatchEvent(new ErrorEvent("error"));
      const one = await run(() => crash(-1));
      const both = await run(() => {
        crash(-1);
        crash(-2);
      });
      // The lead starts as ever, its helpers do not.
      const { Denoiser } = window.unnoise;
      const denoiser = await Denoiser.create({
        device: "flex",
        weights: window.fromBase64(weightsText),
        workers: 2,
      });
      broken = true;
      const alone = await denoiser.denoise(window.fromBase64(text), { tile });
      const same = (data: Float32Array) => data.every((value, i) => value === whole.data[i]);
      return {
        same: [same(one.data), same(both.data), same((await alone.float32()).data)],
        started: [whole.started, one.started, both.started],
        shared: alone.info.workers,
      };
    },
    [large, REDNET, TILE] as const,
  );
  expect(got.same).toEqual([true, true, true]);
  // The first, one that waits to take over, and two that help.
  expect(got.started).toEqual([4, 4, 4]);
  expect(got.shared).toBe(1);
});

test("a shared run is canceled at once, and the next one works", async ({ page }) => {
  const got = await page.evaluate(
    async ([text, weightsText, tile]) => {
      const weights = window.fromBase64(weightsText);
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex", weights, workers: 2 });
      const controller = new AbortController();
      const bytes = window.fromBase64(text);
      const tiles: number[] = [];
      const first = window.codeOf(
        denoiser.denoise(bytes, {
          tile,
          signal: controller.signal,
          onTile: ({ x }) => {
            tiles.push(x);
            controller.abort();
          },
        }),
      );
      const waiting = new AbortController();
      const second = window.codeOf(denoiser.denoise(bytes, { signal: waiting.signal }));
      waiting.abort();
      const codes = [await first, await second];
      const result = await denoiser.denoise(bytes, { tile });
      const disposed = window.codeOf(denoiser.denoise(bytes, { tile }));
      denoiser.dispose();
      return { codes: [...codes, await disposed], tiles: tiles.length, shared: result.info.workers };
    },
    [large, REDNET, TILE] as const,
  );
  expect(got).toEqual({ codes: ["canceled", "canceled", "disposed"], tiles: 1, shared: 2 });
});
