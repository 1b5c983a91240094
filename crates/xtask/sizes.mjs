/** Prints how many bytes of `pkg/` go over the network, and fails when that is more than the budget of the build. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const build = process.argv[2];
const pkg = new URL("../../pkg/", import.meta.url).pathname;

/** Bytes: wasm by brotli, all JavaScript together by gzip. The everyday build is not optimised, and has names in it. */
const BUDGETS = {
  dist: { cpu: 1_300_000, relaxed: 1_300_000, full: 3_000_000, glue: 53_200 },
  quick: { cpu: 1_700_000, relaxed: 1_700_000, full: Infinity, glue: 53_200 },
}[build];
/** The best that brotli can do takes a minute, which is for publishing. */
const QUALITY = build === "dist" ? 11 : 9;

function brotli(file) {
  const bytes = readFileSync(join(pkg, file));
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return { raw: bytes.length, packed: brotliCompressSync(bytes, { params }).length };
}

function glue() {
  // Pages download nothing of what is for Node.
  const own = readdirSync(join(pkg, "dist"), { recursive: true }).filter(
    (name) => name.endsWith(".js") && !name.startsWith("node"),
  );
  const files = [...own.map((name) => `dist/${name}`), "wasm/cpu/unnoise.js", "wasm/full/unnoise.js"];
  const bytes = Buffer.concat(files.map((file) => readFileSync(join(pkg, file))));
  return { raw: bytes.length, packed: gzipSync(bytes, { level: 9 }).length };
}

const measured = {
  cpu: brotli("wasm/cpu/unnoise_bg.wasm"),
  relaxed: brotli("wasm/relaxed/unnoise_bg.wasm"),
  // Nobody downloads the everyday build of it.
  ...(build === "dist" ? { full: brotli("wasm/full/unnoise_bg.wasm") } : {}),
  glue: glue(),
};
const column = (text) => String(text).padStart(12);
console.log(`${column(build)}${column("bytes")}${column("compressed")}${column("at most")}`);
for (const [name, { raw, packed }] of Object.entries(measured)) {
  console.log(column(name) + column(raw) + column(packed) + column(BUDGETS[name]));
  if (packed <= BUDGETS[name]) continue;
  console.error(`${name} is larger than it may be`);
  process.exitCode = 1;
}
