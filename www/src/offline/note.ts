/** What the page tells its service worker. */
export type Note =
  /** The engine runs, so that its file is worth keeping. */
  | "keep engine"
  /** The new version is to take over now. */
  | "take over";
