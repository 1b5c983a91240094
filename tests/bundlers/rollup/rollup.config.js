import { nodeResolve } from "@rollup/plugin-node-resolve";

export default {
  // Rollup leaves `new URL("worker.js", import.meta.url)` alone: the worker is an entry of its own, in the same folder.
  input: ["main.js", "node_modules/unnoise/dist/worker.js"],
  output: { dir: "rollup/dist/js", format: "es" },
  plugins: [nodeResolve({ browser: true })],
};
