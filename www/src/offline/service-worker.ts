/** Keeps the page in the browser, so that it works without a network after the first visit. */
import type { Artifact, Note } from "./note";

declare const self: ServiceWorkerGlobalScope;
/** Filled in by the build: what this version is called, and its files. */
declare const VERSION: string;
/** What every visit needs. */
declare const SHELL: readonly string[];
/** The builds of the engine: large, so each is kept only where it is used. */
declare const ENGINES: Readonly<Record<Artifact, string>>;

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
  event.waitUntil(note === "take over" ? self.skipWaiting() : keep(ENGINES[note.keep]));
});

/** Drops what earlier versions kept, except for engines that are still the same. */
async function takeOver(): Promise<void> {
  const cache = await caches.open(NAME);
  const earlier = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  for (const name of earlier) {
    const old = await caches.open(name);
    for (const engine of Object.values(ENGINES)) {
      const response = await old.match(engine);
      if (response) await cache.put(engine, response);
    }
    await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  return kept ?? fetch(request);
}

/** Keeps a file, which the browser has downloaded before: where its cache has it still, it is not downloaded again. */
async function keep(file: string): Promise<void> {
  const cache = await caches.open(NAME);
  if (await cache.match(file)) return;
  const response = await fetch(file, { cache: "force-cache" });
  if (response.ok) await cache.put(file, response);
}
