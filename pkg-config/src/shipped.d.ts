/** `dist/shipped.js`, which the build writes from the cards in the Rust source. */
import type { ModelCard, ObjectiveCard } from "./shared/contract.js";

/** All model cards. */
export declare const cards: readonly ModelCard[];

/** All cards of objectives. */
export declare const objectiveCards: readonly ObjectiveCard[];

/** Where the weights of the package are, by file name. */
export declare const weightsUrls: Readonly<Record<string, () => URL>>;
