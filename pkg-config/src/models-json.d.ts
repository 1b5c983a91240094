/** The file that the build writes beside `dist`, from the cards in the Rust source. */
declare module "*/models.json" {
  const cards: readonly import("./types.js").ModelCard[];
  export default cards;
}
