/**
 * Trusted Types: the page's policy refuses strings where a script or HTML is meant. What may be started are the page's own
 * scripts, which are its workers: `new Worker(new URL(...))` has to stay spelt like that for bundlers, so the browser asks here.
 */

/** What browsers with Trusted Types have; TypeScript's library does not know it yet. */
interface TrustedTypes {
  createPolicy(name: "default", rules: { createScriptURL(url: string): string }): unknown;
}

/** Where the build puts scripts, in the folder of the page. */
const OWN = /^(service-worker|assets\/[\w.-]+)\.js$/;

/** @throws `TypeError` for a script that is not the page's own */
function createScriptURL(url: string): string {
  const folder = new URL(".", document.baseURI).href;
  const { href, origin, pathname } = new URL(url, document.baseURI);
  const path = origin + pathname;
  if (path.startsWith(folder) && OWN.test(path.slice(folder.length))) return href;
  throw new TypeError(`${url} is no script of this page.`);
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
// The development server serves sources, and puts code of its own into the page.
if (import.meta.env.PROD) trustedTypes?.createPolicy("default", { createScriptURL });
