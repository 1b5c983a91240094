import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  optimizeDeps: { exclude: ["unnoise"] },
  server: { fs: { allow: [".."] } },
});
