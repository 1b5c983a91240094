import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

/** The reference cases of the repository, in the browser: the same checks as `tests/parity.rs`. */
const fixtures = join(import.meta.dirname, "../fixtures");
const root = "http://localhost:4322";

interface Case {
  readonly model: string;
  readonly name: string;
  readonly json: string;
  /** Addresses of the safetensors files, by name without ending. */
  readonly files: Record<string, string>;
}

interface Check {
  readonly name: string;
  readonly worst: number;
}

interface ParityWasm {
  default(options: { module_or_path: string }): Promise<unknown>;
  Parity: {
    create(device: string): Promise<{
      run(model: string, name: string, json: string, files: object): Promise<Check[]>;
    }>;
  };
}

function readCase({ model, name, path }: { model: string; name: string; path: string }): Case {
  const json = readFileSync(join(path, "case.json"), "utf8");
  const files = Object.fromEntries(
    readdirSync(path)
      .filter((file) => file.endsWith(".safetensors"))
      .map((file) => [file.replace(".safetensors", ""), `${root}/tests/fixtures/${model}/${name}/${file}`]),
  );
  // A case of weights that we ship names them instead of repeating them.
  const { weights } = JSON.parse(json) as { weights?: unknown };
  if (typeof weights === "string") files.weights = `${root}/pkg-config/weights/${weights}`;
  return { model, name, json, files };
}

function cases(): Case[] {
  const folders = (path: string) =>
    readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders(fixtures).flatMap((model) =>
    folders(join(fixtures, model.name))
      .map((folder) => ({
        model: model.name,
        name: folder.name,
        path: join(fixtures, model.name, folder.name),
      }))
      .filter(({ path }) => readdirSync(path).includes("case.json"))
      .map(readCase),
  );
}

const tolerances: Record<string, number> = { flex: 1e-4, ndarray: 1e-4, webgpu: 1e-3 };

/** Gradients, and what a step does by them, add up the rounding of both passes. */
function tolerance(device: string, check: string): number {
  const training = check.startsWith("gradient") || check.startsWith("weights after");
  return (tolerances[device] ?? 0) * (training ? 10 : 1);
}

for (const device of ["flex", "ndarray", "webgpu"]) {
  test(`${device} equals the public implementations`, async ({ page }, info) => {
    test.skip((device === "webgpu") !== (info.project.name === "webgpu"), "belongs to the other project");
    test.setTimeout(600_000);
    await page.goto(`${root}/tests/browser/fixtures/plain.html`);
    const all = cases();
    expect(all.length).toBeGreaterThan(0);
    // One device for all cases: a second one in the same instance is refused.
    const parity = await page.evaluateHandle(
      async ([url, device]) => {
        const wasm = (await import(url)) as ParityWasm;
        await wasm.default({ module_or_path: url.replace(".js", "_bg.wasm") });
        return wasm.Parity.create(device);
      },
      [`${root}/pkg/wasm/full/unnoise.js`, device] as const,
    );
    for (const one of all) {
      const checks = await parity.evaluate(async (parity, { model, name, json, files }) => {
        const bytes: Record<string, Uint8Array> = {};
        for (const [file, url] of Object.entries(files)) {
          bytes[file] = new Uint8Array(await (await fetch(url)).arrayBuffer());
        }
        return parity.run(model, name, json, bytes);
      }, one);
      expect(checks.length, `${one.model}/${one.name}`).toBeGreaterThan(0);
      for (const check of checks) {
        const what = `${one.model}/${one.name} ${check.name} on ${device}`;
        console.log(`${what}: ${check.worst.toExponential(2)}`);
        expect.soft(check.worst, what).toBeLessThan(tolerance(device, check.name));
      }
    }
  });
}
