/** The package in a page without a bundler, under the strict policy. */
import { expect, test } from "@playwright/test";
import { fixture, photo, read } from "./files";
import { MODULE, openModule } from "./module";
import { worstDifference } from "./pixels";
import { readPng } from "./png";

test.use(MODULE);

test.beforeEach(({ page }) => openModule(page));

const base64 = (bytes: Buffer) => bytes.toString("base64");

test("progress, tiles, info and every form of a result", async ({ page }) => {
  const file = photo(48, 40);
  const got = await page.evaluate(async (text) => {
    const { Denoiser, models } = window.unnoise;
    const phases = new Set<string>();
    const fractions: number[] = [];
    const onProgress = ({ phase, fraction }: { phase: string; fraction: number }) => {
      phases.add(phase);
      fractions.push(fraction);
    };
    const denoiser = await Denoiser.create({ device: "flex", onProgress });
    const tiles: number[][] = [];
    const began = fractions.splice(0);
    const result = await denoiser.denoise(window.fromBase64(text), {
      onProgress,
      onTile: ({ x, y, image }) => tiles.push([x, y, image.width, image.height]),
    });
    const image = await result.imageData();
    const float = await result.float32();
    const types = ["image/png", "image/jpeg", "image/webp", "image/tiff"] as const;
    const blobs = await Promise.all(types.map((type) => result.blob(type)));
    const half = await result.withStrength(0.5).float32();
    const none = await result.withStrength(0).blob();
    const strength = [half.data[0], float.data[0]];
    const info = denoiser.info();
    denoiser.dispose();
    return {
      phases: [...phases].sort(),
      fractions: [began, fractions],
      tiles,
      image: [image.width, image.height, image.data[0]],
      float: [float.width, float.height, float.channels, float.data.length],
      first: Math.round((float.data[0] ?? 0) * 255),
      blobs: blobs.map(({ type, size }) => [type, size > 100]),
      strength,
      unchanged: Array.from(new Uint8Array(await none.arrayBuffer())),
      info,
      run: result.info,
      models: models().map(({ id }) => id),
    };
  }, base64(file.buffer));
  expect(got.phases).toEqual(["engine", "tiles", "weights"]);
  for (const fractions of got.fractions) {
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  }
  expect(got.tiles).toEqual([[0, 0, 48, 40]]);
  expect(got.image).toEqual([48, 40, got.first]);
  expect(got.float).toEqual([48, 40, 3, 48 * 40 * 3]);
  expect(got.blobs).toEqual(
    ["image/png", "image/jpeg", "image/webp", "image/tiff"].map((type) => [type, true]),
  );
  expect(worstDifference(readPng(Buffer.from(got.unchanged)), readPng(file.buffer))).toBe(0);
  expect(got.info).toMatchObject({ device: "flex", reason: "It was asked for.", model: "unet" });
  expect(got.run).toMatchObject({ device: "flex", tiles: 1 });
  expect(got.run.seconds).toBeGreaterThan(0);
  expect(got.run.noise.channels).toHaveLength(3);
  expect(got.models).toContain("noise2noise");
});

test("every kind of input gives the same", async ({ page }) => {
  const means = await page.evaluate(
    async (text) => {
      const bytes = window.fromBase64(text);
      const blob = new Blob([bytes], { type: "image/png" });
      const url = "/tests/browser/fixtures/odd.png";
      const bitmap = await createImageBitmap(blob);
      const canvas = document.createElement("canvas");
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      const context = canvas.getContext("2d");
      context?.drawImage(bitmap, 0, 0);
      const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
      offscreen.getContext("2d")?.drawImage(bitmap, 0, 0);
      const image = new Image();
      image.src = url;
      const data = context?.getImageData(0, 0, bitmap.width, bitmap.height);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const file = new File([bytes], "a.png");
      const inputs = [
        bytes,
        bytes.buffer,
        blob,
        file,
        url,
        new URL(url, location.href),
        data,
        bitmap,
        canvas,
        offscreen,
        image,
        frame,
      ];
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
      const results: number[] = [];
      for (const input of inputs) {
        if (!input) throw new Error("the browser made no ImageData");
        const result = await denoiser.denoise(input);
        const { data } = await result.float32();
        results.push(data.reduce((sum, value) => sum + value, 0) / data.length);
        result.dispose();
      }
      frame.close();
      return results;
    },
    base64(fixture("odd.png").buffer),
  );
  expect(means).toHaveLength(12);
  // A video frame may have gone through YUV.
  for (const mean of means) expect(Math.abs(mean - (means[0] ?? 0))).toBeLessThan(0.01);
});

test("aborting works in every phase", async ({ page }) => {
  const codes = await page.evaluate(
    async (text) => {
      const { Denoiser } = window.unnoise;
      const { codeOf } = window;
      const aborted = AbortSignal.abort();
      const when = (phase: string) => {
        const controller = new AbortController();
        const onProgress = (progress: { phase: string }) => {
          if (progress.phase === phase) controller.abort();
        };
        return { signal: controller.signal, onProgress };
      };
      const device = "flex" as const;
      const before = await codeOf(Denoiser.create({ device: "flex", signal: aborted }));
      const weights = await codeOf(Denoiser.create({ device, ...when("weights") }));
      const engine = await codeOf(Denoiser.create({ device, ...when("engine") }));
      const denoiser = await Denoiser.create({ device: "flex" });
      const bytes = window.fromBase64(text);
      const run = await codeOf(denoiser.denoise(bytes, when("tiles")));
      const fetching = await codeOf(denoiser.denoise("/tests/browser/fixtures/odd.png", { signal: aborted }));
      const after = await codeOf(denoiser.denoise(bytes));
      const underWay = codeOf(denoiser.denoise(bytes));
      denoiser.dispose();
      return { before, weights, engine, run, fetching, after, underWay: await underWay };
    },
    base64(photo(32, 24).buffer),
  );
  const canceled = "canceled";
  expect(codes).toEqual({
    before: canceled,
    weights: canceled,
    engine: canceled,
    run: canceled,
    fetching: canceled,
    after: "none",
    underWay: "disposed",
  });
});

test("a cancel takes effect within one tile, other results live on", async ({ page }) => {
  const got = await page.evaluate(
    async ([large, small]) => {
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
      const kept = await denoiser.denoise(window.fromBase64(small));
      const controller = new AbortController();
      const tiles: number[] = [];
      const code = await window.codeOf(
        denoiser.denoise(window.fromBase64(large), {
          tile: 416 * 448,
          signal: controller.signal,
          onTile: ({ x }) => {
            tiles.push(x);
            controller.abort();
          },
        }),
      );
      // The worker is busy with at most one more tile; it answers after that.
      const { size } = await kept.blob();
      await denoiser.denoise(window.fromBase64(small));
      return { code, tiles: tiles.length, size };
    },
    [base64(photo(512, 400).buffer), base64(photo(32, 24).buffer)] as const,
  );
  expect(got).toMatchObject({ code: "canceled", tiles: 1 });
  expect(got.size).toBeGreaterThan(0);
});

test("errors carry their code", async ({ page }) => {
  const codes = await page.evaluate(
    async (text) => {
      const { Denoiser } = window.unnoise;
      const { codeOf } = window;
      const bytes = window.fromBase64(text);
      const create = (options: object) => codeOf(Denoiser.create({ device: "flex", ...options }));
      const denoiser = await Denoiser.create({ device: "flex" });
      const denoise = (input: unknown, options?: object) => codeOf(denoiser.denoise(input as Blob, options));
      const codes = {
        model: await create({ model: "none" }),
        weights: await create({ weights: new Uint8Array(9) }),
        missing: await create({ weights: "/nowhere.txt/x" }),
        wasm: await create({ wasmUrl: "/tests/browser/fixtures/" }),
        noGpu: await create({ device: "webgpu" }),
        device: await create({ device: "abacus" }),
        decode: await denoise(new Blob(["hello"])),
        input: await denoise(42),
        strength: await denoise(bytes, { strength: 2 }),
        detail: await denoise(bytes, { detail: -1 }),
        tile: await denoise(bytes, { tile: 0.5 }),
        workers: await create({ workers: 0 }),
        adapt: await denoise(bytes, { adapt: "pd9" }),
        disposed: "",
      };
      const result = await denoiser.denoise(bytes);
      result.dispose();
      codes.disposed = await codeOf(result.blob());
      return codes;
    },
    base64(photo(32, 24).buffer),
  );
  expect(codes).toEqual({
    model: "model",
    weights: "weights",
    missing: "network",
    wasm: "network",
    noGpu: "device",
    device: "option",
    decode: "decode",
    input: "unsupported",
    strength: "option",
    detail: "option",
    tile: "option",
    workers: "option",
    adapt: "option",
    disposed: "disposed",
  });
});

test("own weights tell their network, and an enlarged result its size", async ({ page }) => {
  const got = await page.evaluate(
    async (text) => {
      const { Denoiser, models } = window.unnoise;
      const folder = "/tests/fixtures/";
      const rednet = `${folder}rednet/rednet20_tiny_stride1_c3/weights.safetensors`;
      const weights = `${folder}dasr/tiny_x4_19x17_odd/weights.safetensors`;
      const codes = [
        await window.codeOf(Denoiser.create({ device: "flex", model: "dasr-x4", weights: rednet })),
        await window.codeOf(Denoiser.create({ device: "flex", weights: `${folder}pth/plain.pt` })),
      ];
      const denoiser = await Denoiser.create({ device: "flex", weights });
      const result = await denoiser.denoise(window.fromBase64(text));
      const image = await result.imageData();
      const { model } = denoiser.info();
      const halves = () => result.withStrength(0.5);
      codes.push(await window.codeOf(Promise.resolve().then(halves)));
      codes.push(await window.codeOf(denoiser.denoise(window.fromBase64(text), { detail: 0.5 })));
      denoiser.dispose();
      const card = models().find(({ id }) => id === model);
      const presets = card?.presets.length ?? 0;
      return { codes, model, presets, size: [result.width, result.height, image.width, image.height] };
    },
    base64(photo(12, 9).buffer),
  );
  expect(got.codes).toEqual(["weights", "weights", "option", "option"]);
  expect(got.model).toBe("dasr-x4");
  expect(got.presets).toBeGreaterThan(0);
  expect(got.size).toEqual([48, 36, 48, 36]);
});

test("the model auto is the small default without a GPU, or that of own weights", async ({ page }) => {
  const models = await page.evaluate(async () => {
    const { Denoiser } = window.unnoise;
    const found: string[] = [];
    for (const device of ["flex", "auto"] as const) {
      const denoiser = await Denoiser.create({ model: "auto", device });
      found.push(denoiser.info().device, denoiser.info().model);
      denoiser.dispose();
    }
    const weights = "/pkg-weights/hq-ssl.safetensors";
    const own = await Denoiser.create({ model: "auto", device: "flex", weights });
    found.push(own.info().model);
    own.dispose();
    return found;
  });
  // The browser of the tests has a software adapter at most.
  expect(models).toEqual(["flex", "unet", "flex", "unet", "hq-ssl"]);
});

test("weights from elsewhere: bytes, Blob, URL, folder; altered ones are refused", async ({ page }) => {
  const codes = await page.evaluate(async () => {
    const { Denoiser, models } = window.unnoise;
    const file = models().find((card) => card.default)?.weights?.file ?? "";
    const url = `/pkg/weights/${file}`;
    const bytes = await (await fetch(url)).arrayBuffer();
    const create = async (options: object) => {
      return window.codeOf(
        Denoiser.create({ device: "flex", ...options }).then((denoiser) => {
          denoiser.dispose();
        }),
      );
    };
    return [
      await create({ weights: bytes }),
      await create({ weights: new Uint8Array(bytes) }),
      await create({ weights: new Blob([bytes]) }),
      await create({ weights: url }),
      await create({ weightsUrl: "/pkg/weights" }),
      await create({ wasmUrl: "/pkg/wasm" }),
      await create({ wasmUrl: { cpu: await (await fetch("/pkg/wasm/cpu/unnoise_bg.wasm")).arrayBuffer() } }),
    ];
  });
  expect(codes).toEqual(Array.from({ length: 7 }, () => "none"));

  const altered = read("../../pkg/weights/unet.safetensors");
  altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
  await page.route("**/weights/*", (route) => route.fulfill({ body: altered }));
  const message = await page.evaluate(() =>
    window.unnoise.Denoiser.create({ device: "flex", cache: false }).then(String, (error: unknown) =>
      String(error),
    ),
  );
  expect(message).toContain("SHA-256");
});

test("two denoisers work side by side, and a photo is decoded while another is denoised", async ({
  page,
}) => {
  const got = await page.evaluate(
    async (text) => {
      const bytes = window.fromBase64(text);
      const create = () => window.unnoise.Denoiser.create({ device: "flex" });
      const [one, two] = await Promise.all([create(), create()]);
      const [a, b, decoded] = await Promise.all([one.denoise(bytes), two.denoise(bytes), one.decode(bytes)]);
      const [x, y] = [await a.float32(), await b.float32()];
      const same = x.data.every((value, i) => value === y.data[i]);
      return { same, decoded: [decoded.width, decoded.height, decoded.bitDepth] };
    },
    base64(fixture("odd.png").buffer),
  );
  expect(got).toEqual({ same: true, decoded: [97, 61, 8] });
});

test("after a crash a photo that had not begun is told, and the next call starts a new engine", async ({
  page,
}) => {
  const codes = await page.evaluate(
    async (text) => {
      // The worker dies as it would of a trap: by an error nobody catches.
      const workers: Worker[] = [];
      window.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(url, options);
          workers.push(this);
        }
      };
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
      const bytes = window.fromBase64(text);
      const result = await denoiser.denoise(bytes);
      const crash = () => workers[0]?.dispatchEvent(new ErrorEvent("error", { message: "unreachable" }));
      const lost = await window.codeOf(denoiser.denoise(bytes, { onProgress: crash }));
      const gone = await window.codeOf(result.blob());
      const next = await window.codeOf(denoiser.denoise(bytes));
      // A worker waits to take over, and another one in its place.
      return { lost, gone, next, workers: workers.length };
    },
    base64(photo(32, 24).buffer),
  );
  expect(codes).toEqual({ lost: "internal", gone: "internal", next: "none", workers: 3 });
});

test("detail gives back fine luminance, also afterwards", async ({ page }) => {
  const got = await page.evaluate(
    async (text) => {
      const denoiser = await window.unnoise.Denoiser.create({ device: "flex" });
      const bytes = window.fromBase64(text);
      const plain = await denoiser.denoise(bytes);
      const detailed = await denoiser.denoise(bytes, { detail: 0.5 });
      const floats = async (result: typeof plain) => (await result.float32()).data;
      const [photo, before, after] = [plain.withStrength(0), plain, detailed];
      const [a, b, c] = [await floats(photo), await floats(before), await floats(after)];
      const again = await floats(plain.withDetail(0.5));
      const distance = (x: Float32Array) =>
        x.reduce((sum, value, i) => sum + Math.abs(value - (a[i] ?? 0)), 0);
      return {
        details: [plain.detail, detailed.detail],
        nearer: distance(c) < 0.9 * distance(b),
        same: again.every((value, i) => value === c[i]),
      };
    },
    base64(photo(64, 48).buffer),
  );
  expect(got).toEqual({ details: [0, 0.5], nearer: true, same: true });
});
