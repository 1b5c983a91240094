import { UnnoiseError } from "./errors.js";
import { cards } from "./shipped.js";
import type { ModelCard } from "./types.js";

/** The models there are, as cards. */
export function models(): readonly ModelCard[] {
  return cards;
}

/**
 * The card of a model, or of the default one.
 *
 * @throws `UnnoiseError` `model` when there is none of that name.
 */
export function findModel(id?: string): ModelCard {
  const card = cards.find((c) => (id === undefined ? c.default : c.id === id));
  if (card) return card;
  const known = cards.map((c) => c.id).join(", ");
  throw new UnnoiseError("model", `There is no model "${id ?? "default"}"; there are: ${known}.`);
}
