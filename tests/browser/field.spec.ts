/** Photos, micrographs and stacks as people have them, through the package: as `tests/field.rs` natively. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { read } from "./files";
import { MODULE, openModule } from "./module";

type Denoiser = import("unnoise").Denoiser;

interface Case {
  readonly file: string;
  readonly kind: "image" | "weights";
  readonly condition: string;
  readonly expect: "ok" | "error";
  readonly check: {
    readonly width?: number;
    readonly height?: number;
    readonly alpha?: boolean;
    readonly bitdepth?: number;
    readonly any_depth?: boolean;
    readonly pages?: number;
    readonly mean?: readonly number[];
    readonly mean_tol?: number;
    readonly span?: number;
    readonly words?: readonly string[];
    readonly or_error?: readonly string[];
  };
}

const FOLDER = "../fixtures/field";
const cases = (JSON.parse(read(`${FOLDER}/expected.json`).toString()) as Case[]).filter(
  // What only a browser reads depends on the browser; what is written too large is not written here.
  ({ kind, file }) => kind === "image" && !/heic|avif|to-jpeg/.test(file),
);
const base64 = (name: string) => read(`${FOLDER}/${name}`).toString("base64");

test.use(MODULE);

test.beforeEach(({ page }) => openModule(page));

function says(text: string, words: readonly string[] = []): boolean {
  return words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
}

test("every field case is read, or refused in words, as natively", async ({ page }) => {
  test.setTimeout(300_000);
  await page.evaluate(async () => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
    Object.assign(window, { denoiser });
  });
  const bad: string[] = [];
  for (const { file, expect: wanted, check } of cases) {
    const got = await page.evaluate(async (text) => {
      const { denoiser } = window as unknown as { denoiser: Denoiser };
      try {
        const bytes = window.fromBase64(text);
        const photo = await denoiser.decode(bytes);
        const result = await denoiser.denoise(bytes, { strength: 0 });
        const { channels, data } = await result.float32();
        result.dispose();
        const sums = Array.from({ length: channels }, () => [0, 0] as [number, number]);
        data.forEach((value, i) => {
          const sum = sums[i % channels];
          if (!sum || !Number.isFinite(value)) return;
          sum[0] += value;
          sum[1] += 1;
        });
        const { width, height, hasAlpha, bitDepth, pages, notes } = photo;
        const means = sums.map(([sum, count]) => sum / count);
        return { width, height, hasAlpha, bitDepth, pages, notes, means };
      } catch (thrown) {
        return String(thrown);
      }
    }, base64(file));
    const complain = (what: string) => bad.push(`${file}: ${what}`);
    if (typeof got === "string") {
      if (!says(got, wanted === "error" ? check.words : check.or_error)) complain(got);
      continue;
    }
    if (wanted === "error") complain("was read");
    if (got.width !== check.width || got.height !== check.height) complain(`${got.width}x${got.height}`);
    if (got.hasAlpha !== check.alpha) complain(`alpha: ${got.hasAlpha}`);
    const depth = check.bitdepth ?? 8;
    if (depth <= 16 && !check.any_depth && got.bitDepth !== depth) complain(`${got.bitDepth} bits`);
    if (got.pages !== (check.pages ?? 1)) complain(`${got.pages} pages`);
    const unit = got.bitDepth === 32 ? 1 : 2 ** got.bitDepth - 1;
    const tolerance = (check.mean_tol ?? 0.012) * (check.span ?? unit);
    const means = check.mean ?? [];
    const off = means.some((mean, c) => Math.abs(unit * (got.means[c] ?? NaN) - mean) > tolerance);
    if (!check.alpha && off)
      complain(`means ${got.means.map((mean) => unit * mean).join()}, not ${means.join()}`);
  }
  expect(bad).toEqual([]);
});

test("a stack is denoised page by page, and written as one file", async ({ page }) => {
  const got = await page.evaluate(async (text) => {
    const { Denoiser, UnnoiseError } = window.unnoise;
    const denoiser = await Denoiser.create({ device: "flex" });
    const stack = await denoiser.openStack(window.fromBase64(text));
    const seen: number[] = [];
    const sizes: number[][] = [];
    for await (const result of stack.denoise({ onPage: (index) => seen.push(index) })) {
      sizes.push([result.width, result.height]);
      result.dispose();
    }
    const written = await stack.blob();
    const again = await denoiser.openStack(written);
    const first = await denoiser.decode(stack.page(0));
    let code = "none";
    try {
      stack.page(9);
    } catch (thrown) {
      if (thrown instanceof UnnoiseError) code = thrown.code;
    }
    const description = new TextDecoder("latin1").decode(await written.arrayBuffer());
    const kept = description.includes("ImageJ=") && description.includes("images=5");
    denoiser.dispose();
    return {
      seen,
      sizes,
      pages: [stack.pages, again.pages],
      first: first.bitDepth,
      range: first.range,
      code,
      kept,
    };
  }, base64("77-imagej-z-stack.tif"));
  expect(got.seen).toEqual([0, 1, 2, 3, 4]);
  expect(got.sizes).toEqual(Array.from({ length: 5 }, () => [96, 72]));
  expect(got.pages).toEqual([5, 5]);
  expect([got.first, got.code, got.kept]).toEqual([16, "option", true]);
  expect(got.range[1]).toBeLessThan(1000);
});

test("field cases are denoised as by the command line, within a level of 255", async ({ page }) => {
  test.setTimeout(300_000);
  const native = process.env.UNNOISE_NATIVE;
  expect(native, "UNNOISE_NATIVE names no folder: run the tests by `cargo xtask test`").toBeTruthy();
  const folder = join(native ?? "", "field");
  const names = readdirSync(folder).map((name) => name.replace(/\.tif$/, ""));
  expect(names.length).toBeGreaterThan(10);
  await page.evaluate(async () => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
    Object.assign(window, { denoiser });
  });
  const bad: string[] = [];
  for (const name of names) {
    const result = readFileSync(join(folder, `${name}.tif`)).toString("base64");
    const worst = await page.evaluate(
      async ([before, after]) => {
        const { denoiser } = window as unknown as { denoiser: Denoiser };
        const mine = await denoiser.openStack(window.fromBase64(before));
        const theirs = await denoiser.openStack(window.fromBase64(after));
        if (mine.pages !== theirs.pages) return `${mine.pages} pages, not ${theirs.pages}`;
        let worst = 0;
        for (let index = 0; index < mine.pages; index += 1) {
          const { range, bitDepth } = await denoiser.decode(mine.page(index));
          // Integers of 8 and 16 bits come as shares of their largest.
          const white = bitDepth < 32 ? 2 ** bitDepth - 1 : 1;
          const level = (range[1] - range[0]) / white / 255;
          const [a, b] = [
            await denoiser.denoise(mine.page(index)),
            await denoiser.denoise(theirs.page(index), { strength: 0 }),
          ];
          const [x, y] = [await a.float32(), await b.float32()];
          if (x.data.length !== y.data.length) return `${x.data.length} samples, not ${y.data.length}`;
          x.data.forEach((value, i) => {
            const other = y.data[i] ?? NaN;
            if (Object.is(value, other)) return;
            const distance = Math.abs(value - other) / level;
            worst = Number.isNaN(distance) ? Infinity : Math.max(worst, distance);
          });
          a.dispose();
          b.dispose();
        }
        mine.dispose();
        theirs.dispose();
        return worst;
      },
      [base64(name), result] as const,
    );
    if (typeof worst === "string" || worst > 1) bad.push(`${name}: ${worst}`);
  }
  expect(bad).toEqual([]);
});

test("the browser reads what the engine cannot", async ({ page }) => {
  const got = await page.evaluate(async (text) => {
    const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
    const photo = await denoiser.decode(window.fromBase64(text));
    denoiser.dispose();
    return { width: photo.width, height: photo.height, notes: photo.notes };
  }, base64("109-photo.avif"));
  expect([got.width, got.height]).toEqual([96, 72]);
  expect(got.notes.join()).toContain("browser");
});
