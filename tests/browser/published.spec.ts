import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

/** Every network at its published size on a photo of 256x256, on the CPU: it must work, in less than 2 GB. */
const root = "http://localhost:4322";
const pkg = join(import.meta.dirname, "../../pkg");

// Its types are those of what is tested, so that a change of the bindings is a type error here.
type Wasm = typeof import("../../pkg/wasm/cpu/unnoise.js");

const cards = JSON.parse(readFileSync(join(pkg, "models.json"), "utf8")) as {
  id: string;
  scale: number;
}[];

for (const { id, scale } of cards) {
  test(`${id} runs at its published size`, async ({ page }) => {
    test.setTimeout(400_000);
    await page.goto(`${root}/tests/browser/fixtures/plain.html`);
    const result = await page.evaluate(
      async ([url, id]) => {
        const wasm = (await import(url)) as Wasm;
        const { memory } = await wasm.default({
          module_or_path: url.replace(".js", "_bg.wasm"),
        });
        const engine = await wasm.Engine.create("flex");
        engine.random(id, "published", 1n);
        const rgba = Uint8Array.from({ length: 4 * 256 * 256 }, (_, i) =>
          i % 4 === 3 ? 255 : (i * 7) % 256,
        );
        const start = performance.now();
        const job = engine.begin(wasm.Photo.fromRgba(256, 256, rgba), { adapt: "plain" });
        const { tiles } = job.plan();
        for (let tile = 0; tile < tiles; tile++) await job.step(tile, undefined, false);
        const seconds = (performance.now() - start) / 1000;
        const photo = job.finish();
        const finite = photo.float32().every((value) => Number.isFinite(value));
        return {
          seconds,
          finite,
          width: photo.width,
          bytes: memory.buffer.byteLength,
        };
      },
      [`${root}/pkg/wasm/cpu/unnoise.js`, id] as const,
    );
    const perMegapixel = (result.seconds / (256 * 256)) * 1e6;
    console.log(
      `${id}: ${result.seconds.toFixed(1)} s, ${perMegapixel.toFixed(0)} s per megapixel, ${(result.bytes / 2 ** 20).toFixed(0)} MiB`,
    );
    expect(result.finite).toBe(true);
    expect(result.width).toBe(256 * scale);
    expect(result.bytes).toBeLessThan(2 * 2 ** 30);
  });
}
