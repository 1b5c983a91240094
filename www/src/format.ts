import type {
  Adapt,
  FineTuned,
  ModelCard,
  NoiseEstimate,
  NoiseField,
  NoiseModel,
  NoiseSummary,
} from "unnoise";
import { language, text } from "./strings";

/** From which deviation on, of 255, noise is called what. */
const NOISE_WORDS = [
  [0, text.noise.hardly],
  [2, text.noise.light],
  [6, text.noise.moderate],
  [15, text.noise.strong],
  [30, text.noise.veryStrong],
] as const;

/** `1403814` as `1.4 MB`. */
export function bytes(count: number): string {
  if (count >= 1e9) return `${decimals(count / 1e9, 1)} GB`;
  return count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${decimals(count / 1e6, 1)} MB`;
}

/** `61.4` as `1 min 1 s`, `7.24` as `7.2 s`. */
export function seconds(value: number): string {
  if (value < 10) return `${decimals(value, 1)} s`;
  const whole = Math.round(value);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A time that is foreseen, no more exact than it can be: `7.24` as `7 s`, `130` as `2 min`. */
export function about(value: number): string {
  if (value < 90) return `${Math.max(1, Math.round(value))} s`;
  return `${Math.round(value / 60)} min`;
}

/** Megapixels of a photo, in as many digits as tell something. */
export function megapixels(width: number, height: number): string {
  const value = (width * height) / 1e6;
  return value < 0.1
    ? text.photo.pixels((width * height).toLocaleString(language))
    : `${decimals(value, 1)} MP`;
}

/** `72528` as `73 thousand`. */
export function count(value: number): string {
  return new Intl.NumberFormat(language, { notation: "compact", compactDisplay: "long" }).format(value);
}

/** `IMG_1.jpg` and `image/png` as `IMG_1-denoised.png`. */
export function resultName(name: string, type: string): string {
  const extension = type.replace(/.*\//, "").replace("jpeg", "jpg").replace("tiff", "tif");
  return `${name.replace(/\.[^.]*$/, "") || "photo"}-denoised.${extension}`;
}

/** `IMG_1.jpg` and `unet` as `IMG_1-unet.safetensors`. */
export function weightsName(photo: string, model: string): string {
  return `${photo.replace(/\.[^.]*$/, "") || "photo"}-${model}.safetensors`;
}

/** The noise of a photo, and how the network was run on it. */
export function noise(
  { sigma, correlated }: NoiseEstimate,
  adaptation: Adapt,
  range: readonly [number, number],
): string {
  const blotchy = correlated ? text.noise.blotchy : "";
  return `${strength(255 * sigma, sigma, range)}${blotchy}. ${text.noise.method(method(adaptation))}`;
}

/** A deviation in words, and of 255; or, where the numbers of the file are no shares of white, in these. */
function strength(levels: number, sigma: number, [black, white]: readonly [number, number]): string {
  const word = NOISE_WORDS.findLast(([from]) => levels >= from)?.[1] ?? text.noise.hardly;
  const shares = black === 0 && [1, 255, 65_535].includes(white);
  const units = Number((Math.abs(white - black) * sigma).toPrecision(3));
  return text.noise.found(word, shares ? decimals(levels, 1) : text.noise.inUnits(String(units)));
}

/** How a network was run, in words. */
function method({ pd, refinements, secondPass, detail, wiener, selfEnsemble }: Adapt): string {
  const words = text.noise;
  const steps = [
    ...(pd > 1 ? [words.pd(String(pd))] : []),
    ...(refinements > 0 ? [words.r3] : []),
    ...(secondPass ? [words.secondPass] : []),
    ...(detail === null ? [] : [words.detail]),
    ...(wiener === null ? [] : [words.wiener]),
    ...(selfEnsemble > 1 ? [words.mean(String(selfEnsemble))] : []),
  ];
  return steps.length > 0 ? steps.join(", ") : words.plain;
}

/** Which network to take instead, where the noise is of a kind that the shipped weights of this one do not know. */
export function advice({ correlated }: NoiseEstimate, card: ModelCard, best: ModelCard): string {
  const known = card.correlated || card.scale > 1 || !card.weights;
  return correlated && !known ? text.noise.advice(card.title, best.title) : "";
}

/** Brightnesses, 0 to 1, at which the strength of noise is told. */
const TOLD = { dark: 0.125, middle: 0.5, bright: 0.875 };
/** Correlation of colours from which noise is the same in all of them. */
const SAME = 0.9;

/** `IMG_1.jpg` as `IMG_1-noise.json`. */
export function noiseName(photo: string): string {
  return `${photo.replace(/\.[^.]*$/, "") || "photo"}-noise.json`;
}

/** The strength of noise by brightness, in a sentence. */
export function noiseStrength({ curves }: NoiseModel): string {
  const at = (level: number) => {
    const squares = curves.map((curve) => (curve[Math.round(level * (curve.length - 1))]?.sigma ?? 0) ** 2);
    return decimals(255 * Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / curves.length), 1);
  };
  return text.noise.strengthAt(at(TOLD.dark), at(TOLD.middle), at(TOLD.bright));
}

/** What the spectrum of noise is like, in a sentence, and whether the colours differ. */
export function noiseSpectrum({ white, right, below, colors }: NoiseModel): string {
  const near = Math.max(right[0] ?? 0, below[0] ?? 0);
  const words = text.noise;
  const spread = white ? words.white : near > 0 ? words.coarse(decimals(near, 2)) : words.fine;
  return colors.length > 0 && Math.min(...colors) > SAME ? `${spread} ${words.sameColours}` : spread;
}

/** What noise is like, as a part of a sentence. */
export function noiseSummary(summary: NoiseSummary): string {
  const words = text.noise.summary;
  const field = summary.field ? [noiseField(summary.field)] : [];
  return [...field, ...defects(summary, words, 0)].join("; ") || words.none;
}

function noiseField({ sigma, stronger, spread, sameInColors }: NoiseField): string {
  const words = text.noise.summary;
  const parts = [
    words.field(decimals(255 * sigma, 0)),
    ...(stronger ? [words.stronger[stronger]] : []),
    words.spread[spread],
    ...(sameInColors ? [words.sameInColors] : []),
  ];
  return parts.join(", ");
}

/** What else there is of noise, as sentences. */
export function noiseDefects({ photons, summary }: NoiseModel): string {
  const words = text.noise;
  return [...(photons ? [words.photons] : []), ...defects(summary, words, 1)].join(" ");
}

/** Lost pixels, and rows and columns that are off by so many levels, in `words`; levels with so many digits. */
function defects(
  { impulses, rows, columns }: NoiseSummary,
  words: Record<"impulses" | "rows" | "columns", (value: string) => string>,
  digits: number,
): string[] {
  return [
    ...(impulses === null ? [] : [words.impulses(decimals(100 * impulses, 1))]),
    ...(rows === null ? [] : [words.rows(decimals(255 * rows, digits))]),
    ...(columns === null ? [] : [words.columns(decimals(255 * columns, digits))]),
  ];
}

/** By how much the score of a run has changed, in a sentence; none where that cannot be told. */
export function change({ kept, bestStep, scores }: FineTuned): string {
  const before = scores[0]?.[1];
  const after = (kept ? scores.find(([step]) => step === bestStep) : scores.at(-1))?.[1];
  if (before === undefined || after === undefined || before <= 0 || scores.length < 2) return "";
  const percent = Math.round(100 * Math.min(1, Math.abs(1 - after / before)));
  if (percent === 0) return "";
  if (after > before) return text.tune.rose(percent);
  return kept ? text.tune.fell(percent) : text.tune.fellUnsurely(percent);
}

function decimals(value: number, digits: number): string {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What a user should know of a file or a result, as sentences. */
export function notes(all: readonly string[]): string {
  return all.map((note) => `${note.charAt(0).toUpperCase()}${note.slice(1)}.`).join(" ");
}
