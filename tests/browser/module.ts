/** The package in a page without a bundler, under the strict policy, and what tests there need beside it. */
import type { Page } from "@playwright/test";

type Unnoise = typeof import("unnoise");

declare global {
  interface Window {
    unnoise: Unnoise;
    fromBase64: (text: string) => Uint8Array<ArrayBuffer>;
    /** The code of the error that something ends with, or `none`. */
    codeOf: (promise: PromiseLike<unknown>) => Promise<string>;
  }
}

/** For `test.use`: where the package is served. */
export const MODULE = { baseURL: "http://localhost:4322/" };

/** Opens a page that does nothing, and imports the package there. */
export async function openModule(page: Page): Promise<void> {
  await page.goto(`${MODULE.baseURL}tests/browser/fixtures/plain.html`);
  await page.evaluate(async (url) => {
    window.unnoise = (await import(url)) as Unnoise;
    window.fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    window.codeOf = async (promise) => {
      try {
        await promise;
        return "none";
      } catch (error) {
        return error instanceof window.unnoise.UnnoiseError ? error.code : String(error);
      }
    };
  }, `${MODULE.baseURL}pkg/dist/index.js`);
}
