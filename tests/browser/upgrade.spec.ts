/** A page of an earlier build, kept by its service worker, meets a server that has this one. */
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { photo } from "./files";
import { UnnoisePage, expect, test } from "./page";

const PORT = 4326;
const PRESENT = fileURLToPath(new URL("../../www/dist", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
};

test.use({ baseURL: `http://localhost:${PORT}/`, serviceWorkers: "allow" });

/** A copy of the built page in which every file has another name, as if all of them had changed since. */
function earlierBuild(): string {
  const folder = mkdtempSync(join(tmpdir(), "unnoise-earlier-"));
  cpSync(PRESENT, folder, { recursive: true });
  const assets = readdirSync(join(folder, "assets"));
  const names = assets.map((name) => [name, name.replace(/-([\w-]{8})\./, "-$1earlier.")] as const);
  for (const [name, earlier] of names)
    renameSync(join(folder, "assets", name), join(folder, "assets", earlier));
  const texts = [...readdirSync(folder), ...names.map(([, earlier]) => join("assets", earlier))];
  for (const path of texts.filter((path) => /\.(js|css|html)$/.test(path))) {
    const text = readFileSync(join(folder, path), "utf8");
    const renamed = names.reduce((all, [name, earlier]) => all.replaceAll(name, earlier), text);
    writeFileSync(join(folder, path), renamed.replace(/^const VERSION = "/, "$&earlier-"));
  }
  return folder;
}

/** Serves what lies in `folder()` at the moment. */
async function serve(folder: () => string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname.replace(/\/$/, "/index.html");
    try {
      const body = readFileSync(join(folder(), path));
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      response.writeHead(200, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(PORT, "localhost"), "listening");
  return server;
}

/** Whether the page in front of us is of the earlier build. */
function isEarlier(page: Page): Promise<boolean> {
  return page.evaluate(() =>
    [...document.querySelectorAll("script")].some(({ src }) => src.includes("earlier.")),
  );
}

/** What service workers keep: their caches, and the engines in them. */
function kept(page: Page): Promise<{ caches: string[]; engines: number }> {
  return page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith("unnoise-page-"));
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return { caches: names, engines: requests.flat().filter(({ url }) => url.endsWith(".wasm")).length };
  });
}

test("the page of an earlier build works on, says that there is a new one, and gives way to it", async ({
  page,
}) => {
  test.slow();
  const earlier = earlierBuild();
  let folder = earlier;
  const server = await serve(() => folder);
  const app = new UnnoisePage(page);
  try {
    await app.open();
    expect(await isEarlier(page)).toBe(true);
    await expect.poll(async () => (await kept(page)).engines, { timeout: 30_000 }).toBe(1);
    await app.show(photo(64, 48, "mine.png"));
    await app.denoise();
    await expect(page.getByText("Kept in this browser for a reload")).toBeVisible();

    folder = PRESENT;
    await page.reload();
    await expect(app.status).toHaveText("mine.png is back, from before the page was left.", {
      timeout: 60_000,
    });
    expect(await isEarlier(page)).toBe(true);
    await expect(page.getByText("A new version is ready.")).toBeVisible({ timeout: 30_000 });
    await app.denoise();
    // What it does not keep, and the server has no more.
    await app.openAdvanced();
    await app.model.selectOption("hq-ssl");
    await expect(app.alert).toContainText("cannot be fetched");
    await app.denoise();

    const reloaded = page.waitForEvent("load");
    await page.getByRole("button", { name: "Reload" }).click();
    await reloaded;
    await expect(app.photoName).toHaveText("mine.png", { timeout: 60_000 });
    expect(await isEarlier(page)).toBe(false);
    await app.denoise();
    expect((await app.download()).picture.width).toBe(64);
    await expect.poll(async () => (await kept(page)).caches.length).toBe(1);
    expect((await kept(page)).caches[0]).not.toContain("earlier");
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(earlier, { recursive: true });
  }
});
