import type { Strings } from "./en.ts";

/** What a path such as `run.denoise` names, which must be words and no function. */
export function lookUp(strings: Strings, path: string): string {
  let found: unknown = strings;
  for (const key of path.split(".")) found = (found as Record<string, unknown>)[key];
  if (typeof found === "string") return found;
  throw new Error(`There are no words "${path}".`);
}
