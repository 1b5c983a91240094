/** What cannot be used is named in a sentence, and nothing that was there is lost. */
import { file, fixture, hugePng, photo, spoiltWeights, type TestFile } from "./files";
import { expect, test, type UnnoisePage } from "./page";

const jpeg = fixture("inputs/turned.jpg").buffer;
const photos: [string, TestFile, RegExp][] = [
  ["a text file named .png", file("letter.png", "Dear Sir or Madam"), /letter\.png .*not an image/],
  ["an empty file", file("empty.jpg", ""), /empty\.jpg .*empty/],
  ["a truncated JPEG", file("half.jpg", jpeg.subarray(0, jpeg.length / 2)), /half\.jpg .*truncated/],
  ["a PNG that claims 60000x60000", hugePng(60000, 60000), /huge\.png .*(megapixels|too large)/],
];

async function expectStillUsable(app: UnnoisePage, name: string): Promise<void> {
  await expect(app.photoName).toHaveText(name);
  await app.page.getByRole("button", { name: "Dismiss message" }).click();
  await expect(app.alert).toBeHidden();
  await app.denoise();
  await expect(app.downloadButton).toBeVisible();
}

for (const [what, bad, message] of photos) {
  test(`${what} leaves the photo`, async ({ app }) => {
    const good = photo(32, 24);
    await app.show(good);
    await app.drop(bad);
    await expect(app.alert).toHaveText(message);
    await expectStillUsable(app, good.name);
  });
}

test("something dropped that is no file is named", async ({ app, page }) => {
  const dataTransfer = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.setData("text/plain", "hello");
    return transfer;
  });
  await page.dispatchEvent("#viewport", "drop", { dataTransfer });
  await expect(app.alert).toContainText("not a file");
});

const weights: [string, () => TestFile, RegExp][] = [
  ["a text file", () => file("notes.safetensors", "not weights"), /safetensors/i],
  [
    "a missing tensor",
    () => spoiltWeights((tensors) => tensors.delete("_block1.0.bias")),
    /_block1\.0\.bias/,
  ],
  [
    "a tensor of the wrong shape",
    () => spoiltWeights((tensors) => tensors.get("_block1.0.weight")?.shape.reverse()),
    /_block1\.0\.weight/,
  ],
  [
    "a value that is not a number",
    // All bits of the exponent set, and one of the fraction: NaN in every float format.
    () => spoiltWeights((tensors) => tensors.get("_block1.0.weight")?.data.fill(0xff, 0, 4)),
    /_block1\.0\.weight/,
  ],
];

for (const [what, make, message] of weights) {
  test(`weights with ${what} are refused, and the ones from before stay`, async ({ app }) => {
    const good = photo(32, 24);
    await app.show(good);
    await app.chooseWeights(make());
    await expect(app.alert).toHaveText(message);
    await expect(app.page.locator("#weights-about")).toContainText("Shipped");
    await expectStillUsable(app, good.name);
  });
}

test("good weights of one's own are taken, and given back", async ({ app, page }) => {
  await app.show(photo(32, 24));
  const own = spoiltWeights(() => undefined);
  await app.chooseWeights({ ...own, name: "mine.safetensors" });
  await expect(page.locator("#weights-about")).toHaveText("mine.safetensors");
  await app.denoise();
  await page.getByRole("button", { name: "Use shipped" }).click();
  await expect(page.locator("#weights-about")).toContainText("Shipped");
  // The result on screen came from the denoiser that has just been replaced.
  await app.download();
});
