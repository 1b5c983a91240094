import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { contentSecurityPolicy, offlineFiles, qualityTable, words } from "./build-plugins.ts";

/** What the page may load: its own files, and nothing from anywhere else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** What pages may do besides: start nothing that `src/trusted.ts` does not know, and make no HTML or code out of strings. */
const PAGE_POLICY = [POLICY, "require-trusted-types-for 'script'", "trusted-types default"].join("; ");

/** Its name must not change: browsers ask for it again to see whether there is a new version. */
const SERVICE_WORKER = "service-worker.js";
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  // Relative addresses: the built page works from any folder of any server.
  base: "./",
  plugins: [
    words(),
    qualityTable(path("../README.md")),
    contentSecurityPolicy(PAGE_POLICY),
    offlineFiles(SERVICE_WORKER, path("public"), path("../pkg/wasm")),
  ],
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: {
        index: path("index.html"),
        how: path("how.html"),
        "service-worker": path("src/offline/service-worker.ts"),
      },
      output: {
        entryFileNames: ({ name }) =>
          name === "service-worker" ? SERVICE_WORKER : "assets/[name]-[hash].js",
      },
    },
  },
  optimizeDeps: { exclude: ["unnoise", "unnoise-weights"] },
  server: { fs: { allow: [".", path("../pkg"), path("../pkg-weights")] } },
  // A worker obeys the policy of its own response, not the page's.
  preview: { headers: { "Content-Security-Policy": POLICY } },
});
