import type { AdaptMode, DenoiseResult, ModelCard } from "unnoise";
import * as format from "./format";
import { cardOf } from "./networks";
import { text } from "./strings";

/** What made a result, and what noise the photo had, in words. */
export function told(
  { info }: DenoiseResult,
  card: ModelCard,
  own: File | undefined,
  adapt: AdaptMode,
): { title: string; about: string } {
  const advice = own ? "" : format.advice(info.noise, card, cardOf(undefined));
  const about = format.noise(info.noise, info.adaptation, info.range) + advice;
  const method = adapt === "auto" ? [] : [text.advanced.methods[adapt]];
  return { title: [card.title, ...(own ? [own.name] : []), ...method].join(", "), about };
}

/** The line that says that a run is done, and how it went. */
export function doneLine({ info, scale, width, height }: DenoiseResult): string {
  const { devices } = text.advanced;
  const rate = format.seconds(info.secondsPerMegapixel);
  const done = text.run.done(format.seconds(info.seconds), devices[info.device], rate);
  const size = scale > 1 ? text.run.enlarged(width, height) : "";
  const notes = info.notes.length > 0 ? ` · ${format.notes(info.notes)}` : "";
  return done + size + notes;
}
