/** Weights of one's own: the page recognises the network that they are of. */
import { file, photo, read, type TestFile } from "./files";
import { expect, test } from "./page";
import { onStage, worstDifference } from "./pixels";

const checkpoint = (path: string, name: string): TestFile => file(name, read(`../fixtures/${path}`));
const nvlabs = checkpoint("noise2noise/nvlabs_autoencoder_tiny/weights.safetensors", "n2n.safetensors");
/** Of a network that the package has no weights for. */
const bnn = checkpoint("sasl/bnn_tiny_bs1/weights.safetensors", "bnn.safetensors");
const dasr = checkpoint("dasr/tiny_x4_19x17_odd/weights.safetensors", "dasr.safetensors");
const stranger = checkpoint("pth/plain.pt", "plain.pt");

test("a network without weights asks for a file, recognises it and denoises", async ({ app }) => {
  await app.show(photo(37, 23));
  await app.model.selectOption("sasl-bnn");
  await expect(app.hint).toHaveText(/^SASL BNN comes without weights/);
  await expect(app.denoiseButton).toBeDisabled();
  await app.chooseWeights(nvlabs);
  await expect(app.model).toHaveValue("noise2noise-nvlabs");
  await expect(app.weights).toHaveText("n2n.safetensors");
  await expect(app.hint).toBeEmpty();
  await app.denoise();
  const { picture } = await app.download();
  expect([picture.width, picture.height]).toEqual([37, 23]);
  // What was given once is there when one comes back.
  await app.model.selectOption("sasl-bnn");
  await app.chooseWeights(bnn);
  await expect(app.model).toHaveValue("sasl-bnn");
  await expect(app.weights).toHaveText("bnn.safetensors");
  await app.model.selectOption("noise2noise");
  await expect(app.weights).toContainText("Shipped");
  await app.model.selectOption("sasl-bnn");
  await expect(app.weights).toHaveText("bnn.safetensors");
});

test("dropped weights of a network that enlarges give a larger photo", async ({ app, page }) => {
  const small = photo(19, 17);
  await app.show(small);
  await app.drop(dasr);
  await expect(app.model).toHaveValue("dasr-x4");
  await expect(app.photoName).toHaveText(small.name);
  await app.denoise();
  await expect(app.status).toContainText("enlarged to 76 × 68");
  await expect(app.strength).toBeHidden();
  const { picture } = await app.download();
  expect([picture.width, picture.height]).toEqual([76, 68]);
  // What is shown is what is saved, and the photo beside it has its size.
  expect(worstDifference(await onStage(page, "after"), picture)).toBe(0);
  const before = await onStage(page, "before");
  expect([before.width, before.height]).toEqual([76, 68]);
  // The next network does not enlarge.
  await app.model.selectOption("noise2noise");
  await expect(app.weights).toContainText("Shipped");
  await app.denoise();
  await expect(app.strength).toBeVisible();
  const same = await app.download();
  expect([same.picture.width, same.picture.height]).toEqual([19, 17]);
});

test("a checkpoint of no known network is refused, and the network stays", async ({ app }) => {
  await app.show(photo(32, 24));
  await app.drop(stranger);
  await expect(app.alert).toHaveText(/weights of no known network/);
  await expect(app.model).toHaveValue("unet");
  await expect(app.weights).toContainText("Shipped");
  await app.denoise();
});
