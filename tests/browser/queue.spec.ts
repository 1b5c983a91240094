/** Several photos: a list with the state of each, and one file of all. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { file, photo } from "./files";
import { expect, test } from "./page";

test("several photos are denoised one after the other, and saved as one ZIP", async ({ app, page }) => {
  const rows = page.getByRole("region", { name: "Several photos" }).getByRole("listitem");
  // The slowest of methods, so that there is time to cancel one.
  await app.adapt.selectOption("x8");
  await app.drop(
    photo(96, 80, "a.png"),
    file("letter.png", "Dear Sir or Madam"),
    photo(64, 48, "b.png"),
    photo(64, 48, "c.png"),
    photo(56, 40, "a.png"),
  );
  await expect(rows).toHaveCount(5);
  await page.getByRole("button", { name: "Cancel c.png" }).click();
  await expect(rows.nth(3)).toContainText("canceled");
  await expect(rows.nth(0)).toContainText("done", { timeout: 60_000 });
  await expect(rows.nth(1)).toContainText("not done:");
  await expect(rows.nth(2)).toContainText("done", { timeout: 60_000 });
  await expect(page.getByRole("heading", { name: "3 of 5 photos done" })).toBeVisible({ timeout: 60_000 });
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);

  const begun = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save all as ZIP" }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toBe("denoised.zip");
  const zip = (await readFile(await download.path())).toString("latin1");
  for (const name of ["a-denoised.png", "b-denoised.png", "a-denoised-2.png"]) expect(zip).toContain(name);
  expect(zip).not.toContain("c-denoised.png");
  expect(zip.split("\x89PNG")).toHaveLength(4);

  await page.getByRole("button", { name: "Close the list" }).click();
  await expect(app.denoiseButton).toBeVisible();
});

test("a list is canceled as a whole, and the page goes on", async ({ app, page }) => {
  const rows = page.getByRole("region", { name: "Several photos" }).getByRole("listitem");
  await app.adapt.selectOption("r3");
  await app.drop(photo(512, 512, "a.png"), photo(512, 512, "b.png"));
  await expect(rows.nth(0)).toContainText("%");
  await page.getByRole("button", { name: "Cancel all" }).click();
  for (const row of [0, 1]) await expect(rows.nth(row)).toContainText("canceled", { timeout: 5000 });
  await page.getByRole("button", { name: "Close the list" }).click();
  await app.adapt.selectOption("auto");
  await app.show(photo(48, 32));
  await app.denoise();
});

test("a folder that is dropped is a list of its photos", async ({ app, page, context }, info) => {
  const folder = info.outputPath("holidays");
  await mkdir(join(folder, "more"), { recursive: true });
  await writeFile(join(folder, "10.png"), photo(40, 32).buffer);
  await writeFile(join(folder, "9.png"), photo(32, 24).buffer);
  await writeFile(join(folder, "more", "11.png"), photo(24, 24).buffer);
  await writeFile(join(folder, "notes.txt"), "Dear diary");
  // A script cannot make a folder of what is dropped; the browser's own protocol can.
  const browser = await context.newCDPSession(page);
  const data = { items: [], files: [folder], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await browser.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  }
  const names = page.getByRole("region", { name: "Several photos" }).locator(".photo-name");
  await expect(names).toHaveText(["9.png", "10.png", "11.png"]);
  await expect(page.getByRole("heading", { name: "3 of 3 photos done" })).toBeVisible({ timeout: 60_000 });
  await expect(app.denoiseButton).toBeHidden();
});

test("several shots of one scene teach the network; photos of several sizes are none", async ({
  app,
  page,
}) => {
  const list = page.getByRole("region", { name: "Several photos" });
  const learn = page.getByRole("button", { name: "Learn from these photos" });
  await app.drop(photo(64, 48, "a.png"), photo(48, 64, "b.png"));
  await expect(page.getByRole("heading", { name: "2 of 2 photos done" })).toBeVisible({ timeout: 60_000 });
  await expect(learn).toBeHidden();
  await page.getByRole("button", { name: "Close the list" }).click();

  await app.drop(photo(96, 80, "1.png"), photo(96, 80, "2.png"), photo(96, 80, "3.png"));
  await expect(list).toContainText("Do these 3 photos show one scene", { timeout: 60_000 });
  await learn.click();
  await expect(list).toBeHidden();
  await expect(app.photoName).toHaveText("1.png");
  await expect(page.locator("#learn-about")).toContainText("Learns from 3 photos of one scene.");
  await expect(app.objective).toHaveValue("noise2noise");
  await expect(app.learning).toContainText(/[1-9]\d* steps? ·/, { timeout: 60_000 });
  await app.stopButton.click();
  await expect(app.learned).toHaveText(/^(Better after|Not clearly better)/, { timeout: 60_000 });
  await expect(app.status).toContainText("Done in", { timeout: 60_000 });
  // Another photo has nothing to do with that scene.
  await app.show(photo(40, 32));
  await expect(app.objective).not.toHaveValue("noise2noise");
});
