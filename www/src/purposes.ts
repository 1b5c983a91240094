import type { AdaptMode } from "unnoise";
import enlarge from "./examples/enlarge.webp";
import micrograph from "./examples/micrograph.webp";
import photo from "./examples/photo.webp";
import scan from "./examples/scan.webp";
import thorough from "./examples/thorough.webp";
import { text } from "./strings";

/** What a photo may be, and what is best for it: so one need not know networks. */
export interface Purpose {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** Address of a picture, the left half as it was, the right half as it becomes. */
  readonly example: string;
  /** A model card's id, or `auto` for what suits the machine. */
  readonly model: string;
  readonly adapt: AdaptMode;
}

const { purpose } = text;

export const PURPOSES: readonly Purpose[] = [
  { id: "photo", ...purpose.photo, example: photo, model: "auto", adapt: "auto" },
  { id: "thorough", ...purpose.thorough, example: thorough, model: "unet-large", adapt: "auto" },
  { id: "scan", ...purpose.scan, example: scan, model: "unet", adapt: "plain" },
  { id: "micrograph", ...purpose.micrograph, example: micrograph, model: "unet", adapt: "wiener" },
  { id: "enlarge2", ...purpose.enlarge2, example: enlarge, model: "dasr-x2", adapt: "auto" },
  { id: "enlarge3", ...purpose.enlarge3, example: enlarge, model: "dasr-x3", adapt: "auto" },
  { id: "enlarge4", ...purpose.enlarge4, example: enlarge, model: "dasr-x4", adapt: "auto" },
];
