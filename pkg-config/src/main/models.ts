import { UnnoiseError } from "../shared/errors.js";
import { cards, objectiveCards } from "../shipped.js";
import type { ModelCard, ObjectiveCard } from "../shared/contract.js";
import type { Device } from "../shared/types.js";

/** The models there are, as cards. */
export function models(): readonly ModelCard[] {
  return cards;
}

/**
 * What networks can be fine-tuned by, as cards: everything, or what suits one model, its default first.
 *
 * @throws `UnnoiseError` `model` when there is none of that name.
 */
export function objectives(model?: string): readonly ObjectiveCard[] {
  if (model === undefined) return objectiveCards;
  return findModel(model).objectives.flatMap((id) => objectiveCards.filter((card) => card.id === id));
}

/** The id of the model that `auto` is: the large default where a GPU computes, else the card marked `default`. */
export function modelFor(device: Device): string {
  return device === "webgpu" ? findModel("unet-large").id : findModel().id;
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
