import type { AdaptMode } from "unnoise";
import { text } from "./strings";

/** What a photo may be, and what is best for it: so one need not know networks. */
export interface Purpose {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** A model card's id, or `auto` for what suits the machine. */
  readonly model: string;
  readonly adapt: AdaptMode;
}

const { purpose } = text;

export const PURPOSES: readonly Purpose[] = [
  { id: "photo", ...purpose.photo, model: "auto", adapt: "auto" },
  { id: "thorough", ...purpose.thorough, model: "unet-large", adapt: "auto" },
  { id: "scan", ...purpose.scan, model: "unet", adapt: "plain" },
  { id: "micrograph", ...purpose.micrograph, model: "unet", adapt: "wiener" },
  { id: "enlarge2", ...purpose.enlarge2, model: "dasr-x2", adapt: "auto" },
  { id: "enlarge3", ...purpose.enlarge3, model: "dasr-x3", adapt: "auto" },
];
