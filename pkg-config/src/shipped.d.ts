/** `dist/shipped.js`, which the build writes from the cards in the Rust source. */
import type { ModelCard } from "./types.js";

/** All model cards. */
export declare const cards: readonly ModelCard[];

/** Where the weights of the package are, by file name. */
export declare const weightsUrls: Readonly<Record<string, () => URL>>;
