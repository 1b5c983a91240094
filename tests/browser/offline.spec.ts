/** After the first visit the page needs no network; it speaks German, and explains itself. */
import { AxeBuilder } from "@axe-core/playwright";
import { photo } from "./files";
import { expect, test } from "./page";

test.describe("with its service worker", () => {
  test.use({ serviceWorkers: "allow" });

  test("the page works offline after the first visit", async ({ app, page, context }) => {
    const kept = () =>
      page.evaluate(async () => {
        const names = (await caches.keys()).filter((name) => name.startsWith("unnoise-page-"));
        const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
        return requests.flat().map(({ url }) => url.replace(/.*\//, ""));
      });
    await expect.poll(kept, { timeout: 30_000 }).toContainEqual(expect.stringMatching(/\.wasm$/));
    expect(await kept()).toEqual(expect.arrayContaining(["", "how.html", "sample.png", "app.webmanifest"]));
    await context.setOffline(true);
    await app.open();
    await expect(app.photoName).toHaveText("Sample photo");
    await app.show(photo(64, 48));
    await app.denoise();
    await page.getByRole("link", { name: "How it works" }).click();
    await expect(page.getByRole("heading", { name: "How unnoise works" })).toBeVisible();
    await context.setOffline(false);
  });

  test("what the browser has evicted is fetched again", async ({ app, page }) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.evaluate(async () => {
      for (const name of await caches.keys()) await caches.delete(name);
    });
    await app.show(photo(64, 48));
    await app.denoise();
    await page.reload();
    await expect(app.status).toContainText("is back", { timeout: 60_000 });
    await app.denoise();
  });

  test("another version is told of, and takes over when one wants it", async ({ app, page }) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await app.open();
    await expect(page.getByText("A new version is ready.")).toBeHidden();
    // To the browser another address is another version.
    await page.evaluate(() => navigator.serviceWorker.register("./service-worker.js?other"));
    await expect(page.getByText("A new version is ready.")).toBeVisible({ timeout: 30_000 });
    const reloaded = page.waitForEvent("load");
    await page.getByRole("button", { name: "Reload" }).click();
    await reloaded;
    expect(await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toContain("?other");
  });
});

test.describe("in German", () => {
  test.use({ locale: "de-DE" });

  test("every word of the page is German, but what the engine says", async ({ page }) => {
    await page.goto("./");
    await expect(page.locator("html")).toHaveAttribute("lang", "de");
    await expect(page.getByRole("button", { name: "Entrauschen", exact: true })).toBeVisible();
    const english = await page.evaluate(() =>
      [
        ...Array.from(document.querySelectorAll("[data-text]"), ({ textContent }) => textContent),
        ...Array.from(document.querySelectorAll("[data-label]"), ({ ariaLabel }) => ariaLabel ?? ""),
      ].filter((words) => /\b(the|photo|denoise|with)\b/i.test(words)),
    );
    expect(english).toEqual([]);
    await page.getByRole("combobox", { name: "Sprache" }).selectOption("English");
    await expect(page.getByRole("button", { name: "Denoise", exact: true })).toBeVisible();
  });
});

test("the page that explains itself is accessible, and shows its pictures and the table", async ({
  page,
}) => {
  await page.goto("./how.html");
  await expect(page.getByRole("rowheader", { name: "unet", exact: true })).toBeVisible();
  const widths = () =>
    page.evaluate(() => [...document.querySelectorAll("img")].map(({ naturalWidth }) => naturalWidth));
  await expect.poll(widths).toEqual([320, 320, 320, 240, 240, 240, 240, 240]);
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
});
