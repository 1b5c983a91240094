import type { Size } from "./geometry";
import type { Facts } from "./saving/save";

/** The photo on screen, as the file it came from. */
export interface Photo {
  readonly file: Blob;
  readonly name: string;
  /** Page of a stack, from 0. */
  readonly page: number;
  /** All photos of its scene, this one first, where there are several to learn from. */
  readonly shots?: readonly File[] | undefined;
}

/** What counts of it. */
export type PhotoFacts = Facts & Size;

/** Whether the browser reads a photo of this name: faster than the engine does, and alike. */
export function isReadByBrowsers(name: string): boolean {
  return /\.(jpe?g|jfif|png|webp)$/i.test(name);
}
