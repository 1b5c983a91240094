/** Mixes the picture on screen, off the page's thread. */
import { fineLuminance, mixRows, type Mix, type Pair } from "./mixing";

/** What the page asks for: pictures to hold, or a mix of them. */
export type Question =
  | {
      readonly hold: {
        readonly before: Uint8ClampedArray<ArrayBuffer>;
        readonly after: Uint8ClampedArray<ArrayBuffer>;
        readonly width: number;
      };
    }
  | { readonly mix: Mix; readonly middle: number };

/** Rows of the mix. */
export interface Strip {
  readonly y: number;
  readonly image: ImageData;
}

/** Pixels of a strip: a few milliseconds' work for this thread, and for the one that paints it. */
const STRIP = 1 << 18;

let pair: Pair | undefined;
/** The fine luminance by strip, in whole levels: enough for the screen, and a quarter of the memory of floats. */
const fine = new Map<number, Int8Array>();
/** Counts the questions: a later one ends the work on the one before. */
let turn = 0;

addEventListener("message", ({ data }: MessageEvent<Question>) => {
  const mine = ++turn;
  if ("hold" in data) hold(data.hold);
  else void mixAll(data.mix, data.middle, mine);
});

function hold({ before, after, width }: Extract<Question, { hold: unknown }>["hold"]): void {
  pair = { before, after, width, height: before.length / 4 / width, channels: 4, colours: 3 };
  fine.clear();
}

/** Posts all strips, those about row `middle` first. */
async function mixAll(mix: Mix, middle: number, mine: number): Promise<void> {
  if (!pair) return;
  const { width, height } = pair;
  const rows = Math.max(1, Math.floor(STRIP / width));
  const tops = Array.from({ length: Math.ceil(height / rows) }, (_, i) => i * rows);
  const distance = (top: number) => Math.abs(top + rows / 2 - middle);
  for (const top of tops.sort((a, b) => distance(a) - distance(b))) {
    postMessage(mixed(pair, top, Math.min(rows, height - top), mix));
    await new Promise((resolve) => setTimeout(resolve));
    if (mine !== turn) return;
  }
}

function mixed(of: Pair, top: number, rows: number, mix: Mix): Strip {
  const out = new Uint8ClampedArray(4 * of.width * rows);
  mixRows(out, of, top, mix, mix.detail > 0 ? fineOf(of, top, rows) : undefined);
  return { y: top, image: new ImageData(out, of.width) };
}

function fineOf(of: Pair, top: number, rows: number): Int8Array {
  const known = fine.get(top) ?? Int8Array.from(fineLuminance(of, top, rows), clamped);
  fine.set(top, known);
  return known;
}

function clamped(value: number): number {
  return Math.max(-128, Math.min(127, Math.round(value)));
}
