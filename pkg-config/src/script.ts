/** Starts the worker. It is named here, beside its script: bundlers that copy addresses put all code into one folder. */
import { PATIENCE } from "./shared/download.js";

/**
 * Starts a worker. Browsers start none from another origin, such as a CDN: there, one of this page imports the script,
 * where the page's policy allows workers from blobs.
 */
export function startWorker(url: string | undefined): Worker {
  const { protocol, origin } = new URL(url ?? import.meta.url);
  // webpack puts the address of a file on its own disk here.
  const own = origin === globalThis.origin || protocol === "file:";
  // Spelt out, because that is what bundlers look for.
  if (own && url === undefined)
    return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "unnoise" });
  if (own && url !== undefined) return new Worker(url, { type: "module", name: "unnoise" });
  const script = url ?? import.meta.url.replace(/[^/]*$/, "worker.js");
  const importing = new Blob([`import ${JSON.stringify(script)};`], { type: "text/javascript" });
  const address = URL.createObjectURL(importing);
  const worker = new Worker(address, { type: "module", name: "unnoise" });
  // It is read by then.
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, PATIENCE);
  return worker;
}
