/** What the page keeps for a reload: photo, settings and tuned weights; until one says no. */
import { photo } from "./files";
import { expect, test } from "./page";

test("a reload brings back photo, settings and weights; one button deletes all", async ({ app, page }) => {
  const kept = page.getByText("Kept in this browser for a reload");
  await expect(kept).toBeHidden();
  await app.show(photo(64, 56, "mine.png"));
  await expect(kept).toBeVisible();
  await app.adapt.selectOption("plain");
  await app.model.selectOption("hq-ssl");
  await expect(app.model).toBeEnabled();

  await page.reload();
  await expect(app.photoName).toHaveText("mine.png", { timeout: 60_000 });
  await expect(app.status).toHaveText("mine.png is back, from before the page was left.");
  await app.openAdvanced();
  await expect(app.model).toHaveValue("hq-ssl");
  await expect(app.adapt).toHaveValue("plain");
  await app.denoise();
  expect((await app.download()).picture.width).toBe(64);

  await page.getByRole("button", { name: "Delete all" }).click();
  await expect(kept).toBeHidden();
  const left = await page.evaluate(async () => [await caches.keys(), (await indexedDB.databases()).length]);
  expect(left[0]).toEqual([]);
  await page.reload();
  await expect(app.engine).toContainText("Uses", { timeout: 60_000 });
  await expect(app.photoName).toHaveText("Sample photo");
});

test("a reload in the middle of learning loses neither the photo nor the weights from before", async ({
  app,
  page,
}) => {
  await app.show(photo(64, 56, "mine.png"));
  await app.learnButton.click();
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await page.reload();
  await expect(app.status).toContainText("The tuning that was under way did not come to its end", {
    timeout: 60_000,
  });
  await expect(app.photoName).toHaveText("mine.png");
  await app.denoise();
});

test("what is kept damaged, or by another version, is dropped", async ({ app, page }) => {
  await app.show(photo(64, 56, "mine.png"));
  await expect(page.getByText("Kept in this browser for a reload")).toBeVisible();
  await page.evaluate(async () => {
    const opening = indexedDB.open("unnoise", 1);
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const store = opening.result.transaction("session", "readwrite").objectStore("session");
    const put = store.put({ version: 99, photo: "nonsense" }, "unnoise");
    await new Promise((resolve) => (put.onsuccess = resolve));
    opening.result.close();
  });
  await page.reload();
  await expect(app.engine).toContainText("Uses", { timeout: 60_000 });
  await expect(app.photoName).toHaveText("Sample photo");
  await app.denoise();
});
