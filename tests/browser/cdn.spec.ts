/** The package from another origin, as from a CDN. */
import { expect, test } from "@playwright/test";
import { photo, read } from "./files";

const CDN = "http://cdn.localhost:4322/pkg/dist/";
const PAGE = "http://localhost:4321/elsewhere.html";

for (const workerUrl of [undefined, `${CDN}worker.js`]) {
  test(`another origin: ${workerUrl ? "the worker by its address" : "all of it"}`, async ({ page }) => {
    // A page without a policy.
    await page.route(PAGE, (route) =>
      route.fulfill({ contentType: "text/html", body: "<title>Elsewhere</title>" }),
    );
    await page.route("http://cdn.localhost:4322/**", (route) => {
      const { pathname } = new URL(route.request().url());
      const type = { js: "text/javascript", wasm: "application/wasm" }[pathname.replace(/.*\./, "")];
      const headers = {
        "access-control-allow-origin": "*",
        "content-type": type ?? "application/octet-stream",
      };
      return route.fulfill({ headers, body: read(`../..${pathname}`) });
    });
    await page.goto(PAGE);
    const got = await page.evaluate(
      async ({ url, text, workerUrl }) => {
        const { Denoiser } = (await import(url)) as typeof import("unnoise");
        const denoiser = await Denoiser.create({ device: "flex", workers: 2, workerUrl });
        const result = await denoiser.denoise(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
        const { width, height, info } = result;
        denoiser.dispose();
        return { origin: location.origin, width, height, device: info.device };
      },
      { url: `${CDN}index.js`, text: photo(48, 40).buffer.toString("base64"), workerUrl },
    );
    expect(got).toEqual({ origin: "http://localhost:4321", width: 48, height: 40, device: "flex" });
  });
}
