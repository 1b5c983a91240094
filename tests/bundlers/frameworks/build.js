/** Bundles the recipes for React, Vue and Svelte as they are printed, each into a page of its own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { compile } from "svelte/compiler";

const here = new URL(".", import.meta.url);
const text = readFileSync(new URL("../node_modules/unnoise/RECIPES.md", here), "utf8");
const recipe = (language) => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms").exec(text)[1];

/** How each framework shows the recipe, and what its compiler makes of it. */
const frameworks = {
  react: {
    code: recipe("jsx"),
    loader: "jsx",
    show: `import { createElement } from "react";
      import { createRoot } from "react-dom/client";
      createRoot(document.body).render(createElement(Recipe));`,
  },
  vue: {
    code: recipe("js vue"),
    loader: "js",
    show: `import { createApp } from "vue"; createApp(Recipe).mount(document.body);`,
  },
  svelte: {
    code: compile(recipe("svelte"), { generate: "client", css: "injected" }).js.code,
    loader: "js",
    show: `import { mount } from "svelte"; mount(Recipe, { target: document.body });`,
  },
};

mkdirSync(new URL("dist/", here), { recursive: true });
for (const [name, { code, loader, show }] of Object.entries(frameworks)) {
  const plugin = {
    name: "recipe",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^recipe$/ }, () => ({ path: "recipe", namespace: "recipe" }));
      onLoad({ filter: /.*/, namespace: "recipe" }, () => ({
        contents: code,
        loader,
        resolveDir: here.pathname,
      }));
    },
  };
  await build({
    stdin: { contents: `import Recipe from "recipe"; ${show}`, resolveDir: here.pathname },
    plugins: [plugin],
    bundle: true,
    format: "esm",
    jsx: "automatic",
    define: {
      "process.env.NODE_ENV": '"production"',
      __VUE_OPTIONS_API__: "false",
      __VUE_PROD_DEVTOOLS__: "false",
    },
    outfile: new URL(`dist/js/${name}.js`, here).pathname,
    logLevel: "warning",
  });
  const html = `<!doctype html><html lang="en"><title>${name}</title><body><script type="module" src="js/${name}.js"></script></body></html>`;
  writeFileSync(new URL(`dist/${name}.html`, here), html);
}
await build({
  entryPoints: [new URL("../node_modules/unnoise/dist/worker.js", here).pathname],
  bundle: true,
  format: "esm",
  outfile: new URL("dist/js/worker.js", here).pathname,
  logLevel: "warning",
});
