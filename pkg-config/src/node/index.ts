/** The package for Node: the same, on threads and files. */
import { runOn } from "../shared/platform.js";
import { node } from "./platform.js";

runOn(node);

export * from "../index.js";
