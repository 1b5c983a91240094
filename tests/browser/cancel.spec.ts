/** Stopping, and going on. */
import { file, photo } from "./files";
import { expect, test } from "./page";

test("a run is canceled at once, and the next one does not wait for it", async ({ app }) => {
  await app.denoiseButton.click();
  await expect(app.status).toContainText("Part 1 of");
  await app.cancelButton.click();
  await expect(app.status).toHaveText("Canceled.", { timeout: 1000 });
  await expect(app.denoiseButton).toBeEnabled();
  await expect(app.downloadButton).toBeHidden();
  await expect(app.photoName).toHaveText("Sample photo");
  await app.show(photo(48, 32));
  await app.denoise(15_000);
});

test("Escape cancels, and the button that is left has the focus", async ({ app, page }) => {
  await app.denoiseButton.focus();
  await page.keyboard.press("Enter");
  await expect(app.cancelButton).toBeFocused();
  await expect(app.status).toContainText("Part 1 of");
  await page.keyboard.press("Escape");
  await expect(app.status).toHaveText("Canceled.", { timeout: 1000 });
  await expect(app.denoiseButton).toBeFocused();
});

test("an unreadable file does not disturb a run, another photo replaces it", async ({ app }) => {
  await app.denoiseButton.click();
  await expect(app.status).toContainText("Part 1 of");
  await app.drop(file("letter.png", "Dear Sir or Madam"));
  await expect(app.alert).toContainText("not an image", { timeout: 60_000 });
  await expect(app.photoName).toHaveText("Sample photo");
  await app.show(photo(48, 32));
  await app.denoise();
});
