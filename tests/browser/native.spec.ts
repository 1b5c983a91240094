/** The browser gives what the command line gives. `cargo xtask test` puts the latter's results into UNNOISE_NATIVE. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { read } from "./files";
import { expect, test } from "./page";
import { psnr, worstDifference } from "./pixels";
import { readPng } from "./png";

const folder = process.env.UNNOISE_NATIVE;
const names = folder
  ? readdirSync(folder)
      .filter((name) => name.endsWith(".in.png"))
      .map((name) => name.replace(".in.png", ""))
      .sort()
  : [];

test("there are native results to compare with", () => {
  expect(folder, "UNNOISE_NATIVE names no folder: run the tests by `cargo xtask test`").toBeTruthy();
  expect(names).not.toEqual([]);
});

for (const name of names) {
  test(`${name} is denoised as by the command line`, async ({ app }) => {
    const load = (file: string) => readFileSync(join(folder ?? "", file));
    const input = { name: `${name}.png`, mimeType: "image/png", buffer: load(`${name}.in.png`) };
    const result = await app.result(input);
    expect(worstDifference(result, readPng(load(`${name}.out.png`)))).toBeLessThanOrEqual(1);
    if (!name.endsWith("_noisy")) return;
    const clean = readPng(read(`fixtures/${name.replace("_noisy", "_clean")}.png`));
    const native = JSON.parse(load("psnr.json").toString()) as { psnr: number };
    expect(Math.abs(psnr(result, clean) - native.psnr)).toBeLessThan(0.02);
  });
}
