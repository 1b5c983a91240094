/** Puts the package's wasm and weights where the bundled code looks for them: beside its own folder. */
import { cpSync } from "node:fs";

const project = process.argv[2];
for (const folder of ["wasm", "weights"]) {
  cpSync(`node_modules/unnoise/${folder}`, `${project}/dist/${folder}`, { recursive: true });
}
