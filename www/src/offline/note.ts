/** A build of the engine, as the package names them. */
export type Artifact = "cpu" | "relaxed" | "full";

/** What the page tells its service worker. */
export type Note =
  /** This build of the engine is in use: it is worth keeping. */
  | { readonly keep: Artifact }
  /** The new version is to take over now. */
  | "take over";
