/** What the build does to the page beside bundling. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin, Rolldown } from "vite";
import { en } from "./src/strings/en.ts";
import { lookUp } from "./src/strings/look-up.ts";

/** Writes the English words into the pages, for readers without JavaScript and before it has begun. */
export function words(): Plugin {
  return {
    name: "words",
    transformIndexHtml: {
      order: "pre",
      handler: (html) =>
        html
          .replace(/data-label="([\w.]+)"/g, (all, path: string) => `${all} aria-label="${lookUp(en, path)}"`)
          .replace(
            /(<(\w+)[^>]*\bdata-text="([\w.]+)"[^>]*>)(?=<\/\2>)/g,
            (all, _tag, _name, path: string) => `${all}${lookUp(en, path)}`,
          ),
    },
  };
}

/** Puts a policy into the built pages. The development server injects inline styles, which it would block. */
export function contentSecurityPolicy(policy: string): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: policy },
        injectTo: "head-prepend",
      },
    ],
  };
}

/** Tells the service worker its version and the files that it keeps: the page's, and the builds of the engine. */
export function offlineFiles(worker: string, publicFolder: string, engineFolder: string): Plugin {
  return {
    name: "offline-files",
    apply: "build",
    generateBundle: {
      // The pages themselves come last.
      order: "post",
      handler(_options, bundle) {
        const chunk = bundle[worker];
        if (chunk?.type !== "chunk") throw new Error(`there is no ${worker}`);
        const built = Object.keys(bundle).filter((name) => name !== worker);
        const shell = built
          .filter((name) => /\.(html|js|css|webp)$/.test(name))
          .concat(readdirSync(publicFolder));
        const engines = Object.fromEntries(
          built
            .filter((name) => name.endsWith(".wasm"))
            .map((name) => [artifactOf(bundle[name], engineFolder), name]),
        );
        const hash = createHash("sha256").update(JSON.stringify([chunk.code, shell, engines]));
        for (const name of shell) {
          const file = bundle[name];
          const built = file?.type === "chunk" ? file.code : file?.source;
          hash.update(built ?? readFileSync(join(publicFolder, name)));
        }
        const values = {
          VERSION: hash.digest("hex").slice(0, 12),
          SHELL: ["./", ...shell],
          ENGINES: engines,
        };
        const head = Object.entries(values).map(
          ([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`,
        );
        chunk.code = head.join("") + chunk.code;
      },
    },
  };
}

/** Which build of the engine a file is. */
function artifactOf(engine: Rolldown.OutputAsset | Rolldown.OutputChunk | undefined, folder: string): string {
  const isSame = (artifact: string) =>
    engine?.type === "asset" &&
    readFileSync(join(folder, artifact, "unnoise_bg.wasm")).equals(Buffer.from(engine.source));
  const artifact = readdirSync(folder).find(isSame);
  if (artifact) return artifact;
  throw new Error(`${engine?.fileName} is none of the engine's builds`);
}

/** Puts the first table of measurements of the README into the page that asks for it. */
export function qualityTable(readme: string): Plugin {
  return {
    name: "quality-table",
    transformIndexHtml: (html) =>
      html.replace("<!-- quality -->", () => tableOf(readFileSync(readme, "utf8"))),
  };
}

function tableOf(readme: string): string {
  const lines = /<!-- quality:[^]*?((?:^\|.*\n)+)/m.exec(readme)?.[1]?.trim().split("\n") ?? [];
  const [head = [], , ...rows] = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  if (rows.length === 0) throw new Error("the README has no table of quality");
  const plain = (cell: string) => cell.replace(/`/g, "");
  const row = (cells: readonly string[]) => {
    const [name = "", ...values] = cells.map(plain);
    return `<tr><th scope="row">${name}</th>${values.map((value) => `<td>${value}</td>`).join("")}</tr>`;
  };
  const titles = head.map((cell) => `<th scope="col">${plain(cell)}</th>`).join("");
  return `<table><thead><tr>${titles}</tr></thead><tbody>${rows.map(row).join("")}</tbody></table>`;
}
