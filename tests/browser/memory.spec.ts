/** Memory that cannot grow: the engine's memories get a maximum, as browsers give them where there is little. */
import { expect, test, type Page } from "@playwright/test";
import { photo, read } from "./files";

declare global {
  interface Window {
    /** The result of the first run. */
    before?: Float32Array;
  }
}

test.use({ baseURL: "http://localhost:4322/" });

/** Megabytes: more than the photo in halves takes, and less than in one tile. */
const SOME = 78;
/** Megabytes that the engine starts in, and no photo has room in. */
const HARDLY_ANY = 40;
/** Pages of a memory in a megabyte. */
const PAGES = 16;

const PHOTO = photo(1200, 480).buffer.toString("base64");
/** Pixels of a tile, at first: the whole photo. */
const TILE = 1200 * 480;
const SMALL = photo(32, 24).buffer.toString("base64");

/** Reads a number of a wasm file: seven bits a byte, the lowest first. Gives it, and where the next thing begins. */
function readNumber(code: Buffer, at: number): [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = code.readUInt8(at++);
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function writeNumber(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...writeNumber(Math.floor(value / 128))];
}

/** The section of a wasm file that says how large its memory is. */
const MEMORY = 5;

/** A wasm file whose memory does not grow beyond so many pages. */
function bounded(code: Buffer, most: number): Buffer {
  for (let at = 8; at < code.length;) {
    const section = code.readUInt8(at);
    const [size, start] = readNumber(code, at + 1);
    if (section === MEMORY) {
      // One memory; flags that say whether it has a maximum; what it has at first.
      const [least] = readNumber(code, start + 2);
      const limits = [1, 1, ...writeNumber(least), ...writeNumber(Math.max(least, most))];
      const bytes = Buffer.from([MEMORY, ...writeNumber(limits.length), ...limits]);
      return Buffer.concat([code.subarray(0, at), bytes, code.subarray(start + size)]);
    }
    at = start + size;
  }
  throw new Error("this wasm has no memory of its own");
}

/** Opens the package, its engines with so many megabytes. */
async function open(page: Page, megabytes: number): Promise<void> {
  await page.route("**/pkg/wasm/*/unnoise_bg.wasm", (route) => {
    const path = new URL(route.request().url()).pathname;
    return route.fulfill({
      contentType: "application/wasm",
      body: bounded(read(`../..${path}`), megabytes * PAGES),
    });
  });
  await page.goto("tests/browser/fixtures/plain.html");
}

/** Denoises, and tells how that went, and how far the result is from that of the first time; then a small photo. */
function denoise(page: Page, workers: number) {
  return page.evaluate(
    async ([text, smallText, tile, workers]) => {
      const url = "http://localhost:4322/pkg/dist/index.js";
      const { Denoiser, UnnoiseError } = (await import(url)) as typeof import("unnoise");
      const bytes = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const denoiser = await Denoiser.create({ device: "flex", model: "unet", workers });
      const phases: string[] = [];
      const told = await denoiser
        .denoise(bytes(text), { adapt: "plain", tile, onProgress: ({ phase }) => phases.push(phase) })
        .then(
          async (result) => {
            const { tiles, notes } = result.info;
            const { data } = await result.float32();
            const before = (window.before ??= data);
            const apart = data.reduce(
              (most, value, i) => Math.max(most, Math.abs(value - (before[i] ?? NaN))),
              0,
            );
            return { error: "none", tiles, notes, apart };
          },
          (thrown: unknown) => ({
            error: thrown instanceof UnnoiseError ? `${thrown.code}: ${thrown.message}` : String(thrown),
            tiles: 0,
            notes: [],
            apart: NaN,
          }),
        );
      const { width } = await denoiser.denoise(bytes(smallText));
      denoiser.dispose();
      return { ...told, restarts: phases.filter((phase) => phase === "restart").length, width };
    },
    [PHOTO, SMALL, TILE, workers] as const,
  );
}

for (const workers of [1, 3]) {
  test(`where memory is short, tiles become smaller, of ${workers}`, async ({ page }) => {
    test.slow();
    await open(page, SOME);
    const got = await denoise(page, workers);
    expect(got.error).toBe("none");
    expect(got.restarts).toBe(1);
    expect(got.notes).toContain("memory was short: done in smaller tiles");
    expect(got.width).toBe(32);

    await page.unrouteAll();
    const whole = await denoise(page, workers);
    expect(whole.notes).toEqual([]);
    expect(got.tiles).toBeGreaterThan(whole.tiles);
    // Results have the 8 bits of the file: what tiles make of 1e-6 may be rounded to the next level.
    expect(whole.apart).toBeLessThan(1.01 / 255);
  });
}

test("where no tile is small enough, one sentence says so, and small photos go on", async ({ page }) => {
  test.slow();
  await open(page, HARDLY_ANY);
  const got = await denoise(page, 2);
  expect(got.error).toBe(
    "too-large: There is not enough memory: take a smaller photo, or close other pages.",
  );
  expect([got.restarts, got.width]).toEqual([1, 32]);
});
