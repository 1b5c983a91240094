/** Refuses options that are misspelt or of another type, in the words of who typed them. */
import { UnnoiseError } from "../shared/errors.js";

/** What an option is: a type of JavaScript, a signal, or something that is looked at elsewhere. */
type Kind = "string" | "number" | "boolean" | "function" | "signal" | "any";

/** The options of a call. */
export type Known = Readonly<Record<string, Kind>>;

const RUN = { signal: "signal", onProgress: "function" } as const;

/** Options of `Denoiser.create`. */
export const CREATE: Known = {
  ...RUN,
  model: "string",
  weights: "any",
  preset: "string",
  seed: "number",
  device: "string",
  sha256: "string",
  workers: "number",
  cache: "boolean",
  timeout: "number",
  workerUrl: "any",
  wasmUrl: "any",
  weightsUrl: "any",
};

/** Options of `decode` and `openStack`. */
export const DECODE: Known = { signal: "signal", page: "number" };

/** Options of `noiseModel`. */
export const MEASURE: Known = DECODE;

/** Options of `denoise`, also for all pages of a stack. */
export const DENOISE: Known = {
  ...RUN,
  strength: "number",
  detail: "number",
  page: "number",
  tile: "number",
  seed: "number",
  adapt: "string",
  onTile: "function",
  onPage: "function",
};

/** Options of `fineTune`. */
export const FINE_TUNE: Known = {
  ...RUN,
  objective: "string",
  steps: "number",
  budget: "number",
  seed: "number",
  learningRate: "number",
  batch: "number",
  patch: "number",
  page: "number",
  shots: "boolean",
  clean: "any",
  noise: "any",
  preview: "any",
  onPreview: "function",
  onBest: "function",
};

/**
 * Refuses what is not an object of these options.
 *
 * @throws `UnnoiseError` `option`
 */
export function checkOptions(call: string, given: unknown, known: Known): void {
  if (given === undefined) return;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const hint = call === "create" && typeof given === "string" ? `{ model: "${given}" }` : "{ … }";
    throw refused(`${call} was given ${named(given)}; its options are an object: ${hint}.`);
  }
  if (isSignal(given)) throw refused(`${call} was given an AbortSignal; write { signal }.`);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!kind) throw refused(`${call} has no option "${name}"${meant(name, Object.keys(known))}`);
    checkKind(name, value, kind);
  }
}

/** What a value is, in JavaScript's words. */
export function named(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the string "${value}"`;
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  if (typeof value === "function") return "a function";
  const type = Object.prototype.toString.call(value).slice(8, -1);
  return `${/^[AEIOU]/.test(type) ? "an" : "a"} ${type}`;
}

function checkKind(name: string, value: unknown, kind: Kind): void {
  if (kind === "any" || typeof value === kind) return;
  if (kind !== "signal") throw refused(`${name} is ${named(value)}; it is a ${kind}.`);
  if (isSignal(value)) return;
  const hint = value instanceof AbortController ? ": write signal: controller.signal" : "";
  throw refused(`signal is ${named(value)}; it is an AbortSignal${hint}.`);
}

/** Signals of other realms are ones, too. */
function isSignal(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AbortSignal]";
}

function refused(message: string): UnnoiseError {
  return new UnnoiseError("option", message);
}

/** The option that was meant, or all there are. */
function meant(name: string, known: readonly string[]): string {
  const distance = (option: string) => edits(name.toLowerCase(), option.toLowerCase());
  const [nearest = ""] = [...known].sort((a, b) => distance(a) - distance(b));
  const near = distance(nearest) <= Math.max(1, Math.floor(nearest.length / 3));
  return near ? `; did you mean "${nearest}"?` : `; there are ${known.join(", ")}.`;
}

/** Insertions, deletions and replacements from one word to another (Levenshtein 1966). */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j += 1) {
      const [left = 0, above = 0, before = 0] = [next[j], row[j + 1], row[j]];
      next.push(Math.min(left + 1, above + 1, before + Number(from[i] !== to[j])));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
