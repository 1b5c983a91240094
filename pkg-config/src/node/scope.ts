/** What the worker's script looks for in its global scope, in a thread of Node. */
import { parentPort } from "node:worker_threads";
import { runOn } from "../shared/platform.js";
import { node } from "./platform.js";

type Listener = (event: object) => void;

const preventDefault = () => undefined;
const listen: Record<string, (listener: Listener) => unknown> = {
  message: (listener) =>
    parentPort?.on("message", (data: unknown) => {
      listener({ data });
    }),
  unhandledrejection: (listener) =>
    process.on("unhandledRejection", (reason) => {
      listener({ reason, preventDefault });
    }),
  error: (listener) =>
    process.on("uncaughtException", ({ message }) => {
      listener({ message, preventDefault });
    }),
};

runOn(node);
Object.defineProperties(globalThis, {
  // Later versions of Node have one, which has locks: a thread tells of its end in another way.
  navigator: { value: {}, configurable: true },
  postMessage: {
    value: (message: unknown, transfer: ArrayBuffer[]) => parentPort?.postMessage(message, transfer),
  },
  addEventListener: { value: (type: string, listener: Listener) => listen[type]?.(listener) },
});
