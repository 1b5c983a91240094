/** `dist/shipped.js`, which the build writes from the cards in the Rust source. */
import type { ModelCard, ObjectiveCard } from "./shared/contract.js";
import type { Artifact } from "./shared/protocol.js";

/** All model cards. */
export declare const cards: readonly ModelCard[];

/** All cards of objectives. */
export declare const objectiveCards: readonly ObjectiveCard[];

/** Where the weights of the package are, by file name; others are in `unnoise-weights`. */
export declare const weightsUrls: Readonly<Record<string, () => URL>>;

/** Bytes of the builds of the wasm. */
export declare const wasmSizes: Readonly<Record<Artifact, number>>;
