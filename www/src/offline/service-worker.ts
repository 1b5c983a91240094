/** Keeps the page in the browser, so that it works without a network after the first visit. */
import type { Note } from "./note";

declare const self: ServiceWorkerGlobalScope;
/** Filled in by the build: what this version is called, and its files. */
declare const VERSION: string;
/** What every visit needs. */
declare const SHELL: readonly string[];
/** The engine, one file for each way to compute: kept once it has been used. */
declare const ENGINES: readonly string[];

const PREFIX = "unnoise-page-";
const NAME = PREFIX + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll([...SHELL])));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(takeOver());
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

self.addEventListener("message", (event) => {
  const note = event.data as Note;
  event.waitUntil(note === "take over" ? self.skipWaiting() : keepEngines());
});

/** Drops what earlier versions kept, except for engines that are still the same. */
async function takeOver(): Promise<void> {
  const cache = await caches.open(NAME);
  const earlier = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  for (const name of earlier) {
    const old = await caches.open(name);
    for (const engine of ENGINES) {
      const response = await old.match(engine);
      if (response) await cache.put(engine, response);
    }
    await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  return kept ?? fetch(request);
}

/** Keeps the engines that this browser has just downloaded. */
async function keepEngines(): Promise<void> {
  const cache = await caches.open(NAME);
  for (const engine of ENGINES) {
    if (await cache.match(engine)) continue;
    // Only what the browser has still: nothing is downloaded again, or for nothing.
    const response = await fetch(engine, { cache: "only-if-cached", mode: "same-origin" }).catch(
      () => undefined,
    );
    if (response?.ok) await cache.put(engine, response);
  }
}
