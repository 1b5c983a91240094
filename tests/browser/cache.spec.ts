/** Weights are downloaded once. */
import { expect, test } from "@playwright/test";
import { MODULE, openModule } from "./module";

test.use(MODULE);

test.beforeEach(({ page }) => openModule(page));

test("weights are kept, listed, deleted, and fetched again when damaged", async ({ page }) => {
  const requests: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/weights/")) requests.push(request.url());
  });
  const create = () =>
    page.evaluate(async () => {
      const loaded: (number | undefined)[][] = [];
      const denoiser = await window.unnoise.Denoiser.create({
        device: "flex",
        onProgress: (progress) => {
          if (progress.phase === "weights") loaded.push([progress.loaded, progress.total]);
        },
      });
      const { model } = denoiser.info();
      denoiser.dispose();
      return { model, last: loaded.at(-1), listed: await window.unnoise.cache.list() };
    });
  const first = await create();
  const bytes = await page.evaluate(
    (model) => window.unnoise.models().find(({ id }) => id === model)?.weights?.bytes,
    first.model,
  );
  expect(first.last).toEqual([bytes, bytes]);
  expect(requests).toHaveLength(1);
  expect(first.listed).toEqual([{ url: requests[0], bytes }]);
  expect((await create()).last).toEqual([bytes, bytes]);
  expect(requests).toHaveLength(1);

  await page.evaluate(async (url) => {
    const store = await caches.open("unnoise-weights");
    await store.put(url ?? "", new Response("damaged"));
  }, requests[0]);
  expect((await create()).listed).toEqual(first.listed);
  expect(requests).toHaveLength(2);

  const deleted = await page.evaluate(async (url) => {
    const { cache } = window.unnoise;
    return [await cache.delete(url ?? ""), await cache.delete("/never"), await cache.list()];
  }, requests[0]);
  expect(deleted).toEqual([true, false, []]);
  await create();
  const all = await page.evaluate(async () => [
    await window.unnoise.cache.delete(),
    await window.unnoise.cache.list(),
  ]);
  expect(all).toEqual([true, []]);
});

test("own weights are kept only when their SHA-256 is known, which is checked", async ({ page }) => {
  const got = await page.evaluate(async () => {
    const { Denoiser, cache } = window.unnoise;
    const weights = "/tests/fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors";
    const bytes = await (await fetch(weights)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const counts: number[] = [];
    for (const options of [{ weights }, { weights, sha256, cache: false }, { weights, sha256 }]) {
      (await Denoiser.create({ device: "flex", ...options })).dispose();
      counts.push((await cache.list()).length);
    }
    const wrong = sha256.replace(/^../, "zz");
    const codes: string[] = [];
    for (const given of [weights, bytes]) {
      const failed = Denoiser.create({ device: "flex", weights: given, sha256: wrong });
      codes.push(await failed.then(String, (error: unknown) => (error as { code: string }).code));
    }
    return { counts, codes };
  });
  expect(got).toEqual({ counts: [0, 0, 1], codes: ["weights", "weights"] });
});

test("weights of another version are replaced, and without room for them they are fetched each time", async ({
  page,
}) => {
  const got = await page.evaluate(async () => {
    const { Denoiser, cache } = window.unnoise;
    const create = async () => {
      (await Denoiser.create({ device: "flex" })).dispose();
      return cache.list();
    };
    const [file] = await create();
    const store = await caches.open("unnoise-weights");
    const own = await store.match(file?.url ?? "");
    // As many bytes, of which one is another.
    const bytes = new Uint8Array((await own?.arrayBuffer()) ?? []);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const headers = { "content-length": String(bytes.length) };
    await store.put(file?.url ?? "", new Response(bytes, { headers }));
    const replaced = await create();
    const again = new Uint8Array((await (await store.match(file?.url ?? ""))?.arrayBuffer()) ?? []);
    const last = again.at(-1);
    await cache.delete();
    Cache.prototype.put = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
    return { file, replaced, changed: last !== bytes.at(-1), full: await create() };
  });
  expect(got).toEqual({ file: got.file, replaced: [got.file], changed: true, full: [] });
});

test("where the cache is denied, weights are fetched each time", async ({ page }) => {
  const got = await page.evaluate(async () => {
    const { Denoiser, cache } = window.unnoise;
    const denied = () => Promise.reject(new DOMException("denied", "SecurityError"));
    Object.assign(CacheStorage.prototype, { open: denied, delete: denied });
    (await Denoiser.create({ device: "flex" })).dispose();
    return [await cache.list(), await cache.delete("/a"), await cache.delete()];
  });
  expect(got).toEqual([[], false, false]);
});
