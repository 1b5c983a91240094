/** The examples of the package's README and recipes, as they are printed. */
import { expect, test } from "@playwright/test";
import { photo, read } from "./files";

const ROOT = "http://localhost:4322";
const weights = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors");

interface Example {
  readonly page: string;
  readonly title: string;
  readonly code: string;
  /** File name, for code that is not the page's. */
  readonly file: string | undefined;
}

/** The code blocks of a page, each with the heading above it. */
function examples(name: string, language: string): Example[] {
  const found: Example[] = [];
  let title = name;
  let code: string[] | undefined;
  for (const line of read(`../../pkg-config/${name}`).toString().split("\n")) {
    if (code && line === "```") {
      const file = /^\/\/ (\S+\.js)$/.exec(code[0] ?? "")?.[1];
      found.push({ page: name, title, code: code.join("\n"), file });
      code = undefined;
    } else if (code) code.push(line);
    else if (line === `\`\`\`${language}`) code = [];
    else if (line.startsWith("## ")) title = line.slice(3);
  }
  return found;
}

const all = [...examples("README.md", "js"), ...examples("RECIPES.md", "js")];
const scripts = all.filter(({ file }) => file === undefined);

test("the pages have their examples", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(9);
});

for (const [index, { page: name, title, code }] of scripts.entries()) {
  test(`${name}, ${title} (${index})`, async ({ page }) => {
    // What bundlers do: find the package, and files beside the code.
    const module = (text: string) => text.replaceAll('from "unnoise"', `from "${ROOT}/pkg/dist/index.js"`);
    const files: Record<string, string | Buffer> = {
      "main.js": module(code),
      "weights.safetensors": weights,
    };
    for (const { file, code } of all) if (file !== undefined) files[file] = module(code);
    await page.route(`${ROOT}/example/*`, (route) => {
      const file = new URL(route.request().url()).pathname.slice("/example/".length);
      if (file === "") return route.fulfill({ contentType: "text/html", body: "<!doctype html><img alt>" });
      const contentType = file.endsWith(".js") ? "text/javascript" : "application/octet-stream";
      return route.fulfill({ contentType, body: files[file] ?? "", status: file in files ? 200 : 404 });
    });
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("dialog", (dialog) => {
      wrong.push(dialog.message());
      void dialog.dismiss();
    });
    await page.goto(`${ROOT}/example/`);
    const args = [photo(64, 48).buffer.toString("base64"), "/example/main.js"] as const;
    const shown = await page.evaluate(async ([text, url]) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const file = new File([bytes], "a.png", { type: "image/png" });
      const image = document.querySelector("img");
      const context = document.createElement("canvas").getContext("2d");
      Object.assign(globalThis, { file, files: [file, file], image, context });
      await import(url);
      await image?.decode().catch(() => undefined);
      return [image?.naturalWidth, image?.naturalHeight];
    }, args);
    expect(wrong).toEqual([]);
    if (code.includes("image.src")) expect(shown).toEqual([64, 48]);
  });
}

test("React's example works in Next.js", async ({ page }) => {
  const [example] = examples("RECIPES.md", "jsx");
  expect(read("../bundlers/next/app/recipe/page.js").toString().trim()).toBe(example?.code);
  await page.goto("http://localhost:4324/out/recipe.html");
  // React hears of a file only once it has taken the page over.
  await expect(async () => {
    await page.locator("#photo").setInputFiles(photo(64, 48));
    await expect(page.locator("#clean")).toHaveJSProperty("naturalWidth", 64, { timeout: 15_000 });
  }).toPass({ timeout: 90_000 });
});

for (const framework of ["react", "vue", "svelte"]) {
  test(`the example for ${framework} survives a failure, a cancel and another photo`, async ({ page }) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    await page.goto(`${ROOT}/tests/bundlers/frameworks/dist/${framework}.html`);
    await page.route("**/unet.safetensors", (route) => route.fulfill({ status: 503 }));
    await page.locator("#photo").setInputFiles(photo(64, 48));
    await expect(page.getByRole("alert")).toContainText("HTTP 503", { timeout: 60_000 });
    await page.unroute("**/unet.safetensors");
    await page.getByRole("button", { name: "Try again" }).click();
    const clean = page.locator("#clean");
    await expect(clean).toHaveJSProperty("naturalWidth", 64, { timeout: 60_000 });
    await expect(page.getByRole("alert")).toBeHidden();
    const first = await clean.getAttribute("src");
    await page.locator("#photo").setInputFiles(photo(1200, 900));
    await page.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("progressbar")).toBeHidden();
    await page.locator("#photo").setInputFiles(photo(80, 60));
    await expect(clean).toHaveJSProperty("naturalWidth", 80, { timeout: 60_000 });
    // Addresses of pictures that are no longer shown are given back.
    expect(
      await page.evaluate(
        (url) =>
          fetch(url).then(
            () => "kept",
            () => "revoked",
          ),
        first ?? "",
      ),
    ).toBe("revoked");
    expect(wrong).toEqual([]);
  });
}
