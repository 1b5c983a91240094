/** What hands slip into, and what is said of it. */
import { expect, test } from "@playwright/test";

test.use({ baseURL: "http://localhost:4322/" });

/** What was typed; the code; words of what is said. */
const TABLE: readonly (readonly [typed: string, code: string, said: RegExp])[] = [
  ["denoiser.denoise(photo, { strenght: 0.8 })", "option", /no option "strenght"; did you mean "strength"\?/],
  ["denoiser.denoise(photo, { ontile() {} })", "option", /did you mean "onTile"\?/],
  ["denoiser.denoise(photo, { tileSize: 9 })", "option", /no option "tileSize"; there are .*tile/],
  ["denoiser.denoise(photo, { strength: '0.8' })", "option", /strength is the string "0.8"; it is a number/],
  ["denoiser.denoise(photo, { strength: 2 })", "option", /goes from 0 to 1/],
  ["denoiser.denoise(photo, { signal: controller })", "option", /write signal: controller\.signal/],
  ["denoiser.denoise(photo, controller.signal)", "option", /write \{ signal \}/],
  ["denoiser.denoise(photo, 0.8)", "option", /was given the number 0.8; its options are an object/],
  [
    "denoiser.denoise(photo, { onProgress: true })",
    "option",
    /onProgress is the boolean true; it is a function/,
  ],
  ["denoiser.denoise(photo, null)", "option", /was given null/],
  ["denoiser.denoise()", "unsupported", /undefined, which is no photo: was a file chosen/],
  ["denoiser.denoise(null)", "unsupported", /null, which is no photo: was a file chosen/],
  ["denoiser.denoise([photo])", "unsupported", /an Array, which is no photo: give its files one by one/],
  [
    "denoiser.denoise(input.files)",
    "unsupported",
    /a FileList, which is no photo: give its files one by one/,
  ],
  ["denoiser.denoise(fetch('/'))", "unsupported", /a Promise, which is no photo: await it/],
  ["fetch('/').then((response) => denoiser.denoise(response))", "unsupported", /a Response.*blob/],
  ["denoiser.denoise(42)", "unsupported", /the number 42, which is no photo/],
  ["denoiser.denoise('https://localhost:1/a.png')", "network", /CORS/],
  ["denoiser.decode(photo, { pages: 2 })", "option", /did you mean "page"\?/],
  ["denoiser.fineTune(photo, { learningrate: 1 })", "option", /did you mean "learningRate"\?/],
  ["denoiser.fineTune(photo, { batch: 1e6 })", "option", /the largest are 256/],
  ["Denoiser.create({ onprogress() {} })", "option", /did you mean "onProgress"\?/],
  ["Denoiser.create('noise2void')", "option", /\{ model: "noise2void" \}/],
  ["Denoiser.create({ device: 'cuda' })", "option", /there are: auto, webgpu, flex, ndarray/],
  ["Denoiser.create({ timeout: -1 })", "option", /number of seconds/],
  ["Denoiser.create({ model: 'unnet' })", "model", /there are: .*unet/],
  ["new Denoiser()", "option", /await Denoiser\.create\(\)/],
  ["disposed.denoise(photo)", "disposed", /was disposed of/],
  ["disposed.decode(photo)", "disposed", /was disposed of/],
  ["disposed.fineTune(photo)", "disposed", /was disposed of/],
  ["Denoiser.create({ device: 'cpu' })", "none", /^$/],
  ["Denoiser.create({ device: 'wasm', model: undefined })", "none", /^$/],
];

test("mistakes are told in the words of who made them", async ({ page }) => {
  await page.goto("tests/browser/fixtures/plain.html");
  await page.evaluate(async (url) => {
    const { Denoiser } = (await import(url)) as typeof import("unnoise");
    const denoiser = await Denoiser.create({ device: "flex" });
    const disposed = await Denoiser.create({ device: "flex" });
    disposed.dispose();
    const input = document.createElement("input");
    input.type = "file";
    const photo = new ImageData(16, 16);
    Object.assign(window, { Denoiser, denoiser, disposed, input, photo, controller: new AbortController() });
  }, "http://localhost:4322/pkg/dist/index.js");
  for (const [typed, code, said] of TABLE) {
    const got = await page.evaluate<readonly [string, string]>(
      `(async () => (${typed}))().then(() => ["none", ""], ({ code, message }) => [code, message])`,
    );
    expect(got[0], typed).toBe(code);
    expect(got[1], typed).toMatch(said);
  }
});
