/** A thread of Node as the worker that the package knows. */
import { Worker as Thread } from "node:worker_threads";
import type { Reply, Request } from "../shared/protocol.js";

/** Starts a thread. It keeps the process alive while it owes an answer, and not else: a script ends when it is done. */
export function startThread(script: URL): Worker {
  // What the process was started with may forbid a script that is a file.
  const thread = new Thread(script, { name: "unnoise", execArgv: [] });
  const owed = new Set<number>();
  const count = () => {
    if (owed.size > 0) thread.ref();
    else thread.unref();
  };
  const worker = {
    onmessage: null as Worker["onmessage"],
    onerror: null as Worker["onerror"],
    onmessageerror: null as Worker["onmessageerror"],
    postMessage(request: Request, transfer: ArrayBuffer[]) {
      if ("args" in request) owed.add(request.id);
      count();
      thread.postMessage(request, transfer);
    },
    terminate: () => void thread.terminate(),
  };
  const failed = (message: string) => {
    (worker.onerror as ((event: object) => void) | null)?.({ message, preventDefault: () => undefined });
  };
  thread.unref();
  thread.on("message", (data: Reply) => {
    if (data.kind === "done" || data.kind === "failed") owed.delete(data.id);
    count();
    (worker.onmessage as ((event: object) => void) | null)?.({ data });
  });
  thread.on("messageerror", () => {
    (worker.onmessageerror as (() => void) | null)?.();
  });
  thread.on("error", (error) => {
    failed(error.message);
  });
  thread.on("exit", () => {
    failed("its thread ended");
  });
  return worker as unknown as Worker;
}
