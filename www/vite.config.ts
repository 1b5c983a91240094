import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** What the page may load: its own files, and nothing from anywhere else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Puts the policy into the built page. The development server injects inline styles, which it would block. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

export default defineConfig({
  // Relative addresses: the built page works from any folder of any server.
  base: "./",
  plugins: [contentSecurityPolicy()],
  build: { target: "es2022", modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1000 },
  optimizeDeps: { exclude: ["unnoise"] },
  server: { fs: { allow: [".", fileURLToPath(new URL("../pkg", import.meta.url))] } },
  // A worker obeys the policy of its own response, not the page's.
  preview: { headers: { "Content-Security-Policy": POLICY } },
});
