/** What a first visit downloads, in a browser that keeps what it has downloaded as everybody's does. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { chromium, expect, test } from "@playwright/test";
import playwright from "./playwright.config";

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  wasm: "application/wasm",
  webp: "image/webp",
};

/** Serves the page as plain servers of static files do, and notes of which files the contents were sent. */
function serve(sent: string[]): Promise<Server> {
  const server = createServer(({ url = "/", headers }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const name = pathname.replace(/\/$/, "/index.html");
    const type = TYPES[name.replace(/.*\./, "")] ?? "application/octet-stream";
    try {
      const body = readFileSync(new URL(`../../www/dist${name}`, import.meta.url));
      const etag = `"${body.length}"`;
      const isKnown = headers["if-none-match"] === etag;
      response.writeHead(isKnown ? 304 : 200, { "content-type": type, "cache-control": "no-cache", etag });
      if (!isKnown) sent.push(name);
      response.end(isKnown ? undefined : body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "localhost", () => {
      resolve(server);
    });
  });
}

test("the engine and the weights are downloaded once, by the page and by what makes it work offline", async ({
  browserName,
}, info) => {
  expect(browserName).toBe("chromium");
  const sent: string[] = [];
  const server = await serve(sent);
  // A private window, as other tests have it, has no room for files of some megabytes.
  const context = await chromium.launchPersistentContext(info.outputPath("profile"), {
    ...playwright.projects?.[0]?.use?.launchOptions,
    serviceWorkers: "allow",
  });
  try {
    const page = await context.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const kept = () =>
      page.evaluate(async () => {
        const caches = globalThis.caches;
        const requests = await Promise.all(
          (await caches.keys()).map(async (name) => (await caches.open(name)).keys()),
        );
        return requests.flat().filter(({ url }) => url.endsWith(".wasm")).length;
      });
    await expect.poll(kept, { timeout: 60_000 }).toBe(1);
    for (const type of [/\.wasm$/, /\.safetensors$/, /\/index-.*\.js$/]) {
      expect(sent.filter((name) => type.test(name))).toHaveLength(1);
    }
  } finally {
    await context.close();
    server.close();
  }
});
