/** What the noise of a photo is like, in the page and by the package. */
import { readFile } from "node:fs/promises";
import type { Locator } from "@playwright/test";
import { file, fixture, photo } from "./files";
import { MODULE, openModule } from "./module";
import { expect, test } from "./page";

/** The red, green and blue of a canvas. */
function pixels(canvas: Locator): Promise<{ width: number; height: number; data: number[] }> {
  return canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const rgba =
      (element as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
    return { width, height, data: Array.from(rgba).filter((_, i) => i % 4 < 3) };
  });
}

/** Deviation of the noise of `photo`, levels of 255: whole numbers below 64, all as likely. 18.47: told in whole levels 18 or 19. */
const SIGMA = Math.sqrt((64 ** 2 - 1) / 12);

/** The number in a text after these words. */
function numberAfter(text: string | null, words: string): number {
  const [, found = ""] = new RegExp(`${words} ([\\d.]+)`).exec(text ?? "") ?? [];
  return Number(found);
}

test("the page shows the noise of a photo when asked to, saves its model, and tunes by it", async ({
  app,
  page,
}) => {
  await app.show(photo(160, 120, "mine.png"));
  await app.denoise();
  const curves = page.getByRole("img", { name: /^Strength of the noise by brightness/ });
  const summary = page.getByText("What the noise is like");
  await expect(curves).toBeHidden();
  await summary.press("Enter");
  await expect(curves).toBeVisible({ timeout: 60_000 });
  const told = numberAfter(await curves.getAttribute("aria-label"), "dark,");
  expect(Math.abs(told / SIGMA - 1)).toBeLessThan(0.05);
  expect(await curves.locator("polyline").count()).toBe(3);
  await expect(page.getByRole("img", { name: /^Spectrum of the noise: Different from pixel/ })).toBeVisible();
  const patches = ["photo", "simulated"].map((name) => `noise-patch-${name}`);
  const deviations: number[] = [];
  for (const id of patches) {
    const { width, height, data } = await pixels(page.locator(`#${id}`));
    expect([width, height]).toEqual([48, 48]);
    expect((await page.locator(`#${id}`).boundingBox())?.width).toBe(3 * 48);
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    deviations.push(Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length));
  }
  const [real = 0, simulated = 1] = deviations;
  expect(Math.abs(real / simulated - 1)).toBeLessThan(0.15);

  const begun = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save noise model" }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toBe("mine-noise.json");
  const json = await readFile(await download.path());
  expect(JSON.parse(json.toString())).toMatchObject({ channels: 3, defects: { impulses: null } });

  // It is of the photo: another one has its own.
  await app.show(photo(64, 48, "other.png"));
  await app.denoise();
  await expect(curves).toBeVisible({ timeout: 60_000 });

  await app.budget.selectOption("10");
  const choose = async (bytes: string | Uint8Array) => {
    const dialog = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Tune by a saved one…" }).click();
    await (await dialog).setFiles(file("mine-noise.json", bytes));
  };
  await choose("{}");
  await expect(app.alert).toContainText("this is no model of noise");
  await choose(json);
  await expect(app.learned).toContainText(/^Found: noise of about 18 of 255 levels/, { timeout: 60_000 });
  await expect(app.learned).toHaveText(/^(Better after|Not clearly better)/, { timeout: 60_000 });
});

test("a page in German tells in German what noise was found", async ({ app, page }) => {
  await page.evaluate(() => {
    localStorage.setItem("language", "de");
  });
  await page.goto("./");
  await expect(page.locator("#device-about")).not.toBeEmpty({ timeout: 60_000 });
  await page.locator("#file").setInputFiles(photo(160, 120));
  await page.getByRole("button", { name: "Anpassen", exact: true }).click();
  await expect(app.learned).toHaveText(
    /^Gefunden: Rauschen von etwa 1[89] von 255 Stufen, von Pixel zu Pixel verschieden\. Das Netz wird trainiert, das zu entfernen\.$/,
    { timeout: 60_000 },
  );
  // With the result, so after all steps.
  await expect(app.noise).toContainText(/^Rauschen: stark \(\d+,\d\)/, { timeout: 60_000 });
});

test.describe("by the package", () => {
  test.use(MODULE);

  test("a model of the noise is measured, canceled, and learned from another photo", async ({ browser }) => {
    const page = await browser.newPage();
    await openModule(page);
    const texts = [photo(160, 120).buffer, fixture("kodak23_noisy.png").buffer, photo(40, 20).buffer];
    const got = await page.evaluate(
      async (photos) => {
        const {
          codeOf,
          unnoise: { Denoiser },
        } = window;
        const [mine, large, small] = photos.map((text) => window.fromBase64(text));
        if (!mine || !large || !small) throw new Error("there are no photos");
        const denoiser = await Denoiser.create({ device: "flex" });
        const { patches, ...noise } = await denoiser.noiseModel(mine);
        const begun = performance.now();
        const kodak = await denoiser.noiseModel(large);
        const milliseconds = performance.now() - begun;
        const controller = new AbortController();
        const given = codeOf(denoiser.noiseModel(large, { signal: controller.signal }));
        setTimeout(() => {
          controller.abort();
        }, 300);
        const canceled = await given;
        const after = (await denoiser.noiseModel(small)).patches;
        const tuned = await denoiser.fineTune(small, { noise, steps: 2, patch: 16, batch: 1 });
        const broken = await codeOf(denoiser.fineTune(small, { noise: "{}" }));
        const wrong = await codeOf(denoiser.noiseModel(small, { pages: 1 } as object));
        denoiser.dispose();
        const enlarging = await Denoiser.create({ device: "flex", model: "dasr-x2", preset: "small" });
        const enlarged = await codeOf(enlarging.noiseModel(small));
        enlarging.dispose();
        const learned = tuned.kept ? 0 : (tuned.learned?.size ?? 0);
        return {
          noise,
          sizes: [patches?.photo.width, patches?.simulated.height, after?.photo.width],
          kodak: kodak.curves.map((curve) => 255 * (curve[8]?.sigma ?? 0)),
          milliseconds,
          codes: { canceled, broken, wrong, enlarged },
          tuned: { kept: tuned.kept, noise: tuned.noise, simulated: tuned.simulated.length },
          learned,
        };
      },
      texts.map((bytes) => bytes.toString("base64")),
    );
    await page.close();
    test.info().annotations.push({ type: "milliseconds", description: String(got.milliseconds) });
    expect(got.noise.words).toContain("noise of about 18 of 255 levels, different from pixel to pixel");
    expect(got.noise.curves.map((curve) => curve.length)).toEqual([17, 17, 17]);
    expect(got.noise).toMatchObject({
      white: true,
      photons: false,
      summary: {
        field: { stronger: null, spread: "pixels", sameInColors: false },
        impulses: null,
        rows: null,
        columns: null,
      },
    });
    expect(got.noise.spectrum).toHaveLength(256);
    // White noise of 25 levels was added to it.
    for (const sigma of got.kodak) expect(Math.abs(sigma / 25 - 1)).toBeLessThan(0.05);
    expect(got.sizes).toEqual([48, 48, undefined]);
    expect(got.codes).toEqual({
      canceled: "canceled",
      broken: "option",
      wrong: "option",
      enlarged: "option",
    });
    expect(got.tuned.noise).toEqual(got.noise.summary);
    expect(got.tuned.simulated).toBeGreaterThan(1);
    if (!got.tuned.kept) expect(got.learned).toBeGreaterThan(1e6);
  });
});
