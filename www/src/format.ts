import type { ModelCard, NoiseEstimate } from "unnoise";

/** `1403814` as `1.4 MB`. */
export function bytes(count: number): string {
  return count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** `61.4` as `1 min 1 s`, `7.24` as `7.2 s`. */
export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

/** Megapixels of a photo, in as many digits as tell something. */
export function megapixels(width: number, height: number): string {
  const value = (width * height) / 1e6;
  return value < 0.1 ? `${(width * height).toLocaleString("en")} pixels` : `${value.toFixed(1)} MP`;
}

/** `72528` as `73 thousand`. */
export function count(value: number): string {
  return new Intl.NumberFormat("en", { notation: "compact", compactDisplay: "long" }).format(value);
}

/** `IMG_1.jpg` as `IMG_1-denoised.png`. */
export function resultName(name: string): string {
  return `${name.replace(/\.[^.]*$/, "") || "photo"}-denoised.png`;
}

/** `cells.ome.tif` as `cells.ome-denoised.tif`. */
export function stackName(name: string): string {
  return `${name.replace(/\.[^.]*$/, "") || "stack"}-denoised.tif`;
}

/** A deviation: of 255, or, where the numbers of the file are no shares of white, in these. */
function deviation(sigma: number, [black, white]: readonly [number, number]): string {
  if (black === 0 && [1, 255, 65_535].includes(white)) return `${(255 * sigma).toFixed(1)} of 255`;
  return `${Number((Math.abs(white - black) * sigma).toPrecision(3))} in the numbers of the file`;
}

/** The noise of a photo, and how the network was run on it. */
export function noise(
  { sigma, correlated }: NoiseEstimate,
  adapt: string,
  range: readonly [number, number],
): string {
  const grain = correlated ? ", spread over neighbouring pixels" : "";
  const steps = adapt.split("+");
  const number = (step: string) => steps.find((name) => name.startsWith(step))?.slice(step.length);
  const [apart, turns] = [number("pd"), number("x")];
  const words = [apart === undefined ? "denoised as it is" : `denoised ${apart} pixels apart`];
  if (steps.includes("r3")) words.push("refined (R3)");
  if (steps.includes("again")) words.push("then once more");
  if (steps.includes("detail")) words.push("detail kept");
  if (steps.includes("wiener")) words.push("no more taken than the noise");
  if (turns !== undefined) words.push(`mean of ${turns} turns`);
  return `Noise: about ${deviation(sigma, range)}${grain}; ${words.join(", ")}.`;
}

/** Which network to take instead, where the noise is of a kind that the shipped weights of this one do not know. */
export function advice({ correlated }: NoiseEstimate, card: ModelCard, best: ModelCard): string {
  const known = card.correlated || card.scale > 1 || !card.weights;
  return correlated && !known
    ? ` ${card.title} knows white noise only; ${best.title} knows that of cameras.`
    : "";
}

/** `IMG_1.jpg` and `unet` as `IMG_1-unet.safetensors`. */
export function weightsName(photo: string, model: string): string {
  return `${photo.replace(/\.[^.]*$/, "") || "photo"}-${model}.safetensors`;
}

/** `1` as `1 step`, `24` as `24 steps`. */
export function steps(value: number): string {
  return value === 1 ? "1 step" : `${value} steps`;
}

/** What a user should know of a file or a result, as sentences. */
export function notes(all: readonly string[]): string {
  return all.map((note) => `${note.charAt(0).toUpperCase()}${note.slice(1)}.`).join(" ");
}
