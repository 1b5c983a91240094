/**
 * What went wrong, as a stable name to branch on.
 *
 * - `decode`: the file cannot be read, is not an image, or is a damaged one
 * - `unsupported`: an image, or an input, of a kind that is not read
 * - `too-large`: the image has more pixels than can be held safely, or than there is memory for
 * - `weights`: damaged weights, or weights of another network
 * - `model`: no model of that name
 * - `device`: the compute device cannot be had, or was lost
 * - `option`: an option that there is not, or outside its range; or a callback of the caller's threw
 * - `encode`: the result cannot be written in that format
 * - `network`: a URL that the caller gave, or a file of the package, could not be fetched
 * - `canceled`: the caller's `AbortSignal` said stop
 * - `disposed`: the denoiser was disposed of, before or during the call
 * - `internal`: a failure inside the library, worth a bug report
 */
export type ErrorCode =
  | "decode"
  | "unsupported"
  | "too-large"
  | "weights"
  | "model"
  | "device"
  | "option"
  | "encode"
  | "network"
  | "canceled"
  | "disposed"
  | "internal";

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  "decode",
  "unsupported",
  "too-large",
  "weights",
  "model",
  "device",
  "option",
  "encode",
  "network",
  "canceled",
  "disposed",
  "internal",
]);

/**
 * The only error this package throws. `code` says what sort, `message` says what exactly, in a sentence fit to show.
 * When `code` is `canceled`, `name` is `AbortError`, as everywhere else on the web platform.
 */
export class UnnoiseError extends Error {
  /** What went wrong, as a stable name. */
  readonly code: ErrorCode;

  // Not `ErrorOptions`: not every page is compiled with the library that has it.
  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = code === "canceled" ? "AbortError" : "UnnoiseError";
    this.code = code;
  }

  /** Any thrown value as an `UnnoiseError`; one without a known `code` becomes `otherwise`. */
  static from(thrown: unknown, otherwise: ErrorCode = "internal"): UnnoiseError {
    if (thrown instanceof UnnoiseError) return thrown;
    return new UnnoiseError(codeOf(thrown) ?? otherwise, messageOf(thrown), { cause: thrown });
  }
}

/** The error for a call that `signal` ended. */
export function canceled(signal?: AbortSignal): UnnoiseError {
  const reason: unknown = signal?.reason;
  if (reason instanceof UnnoiseError) return reason;
  return new UnnoiseError("canceled", "The operation was canceled.", { cause: reason });
}

/** Throws the `canceled` error when `signal` has already said stop. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(signal);
}

/** A callback of the caller's: what it throws is told as that, whatever was under way. */
export function guarded<A extends unknown[]>(
  name: string,
  callback: ((...args: A) => void) | undefined,
): ((...args: A) => void) | undefined {
  if (!callback) return undefined;
  return (...args) => {
    try {
      callback(...args);
    } catch (cause) {
      throw new UnnoiseError("option", `${name} threw an error: ${messageOf(cause)}`, { cause });
    }
  };
}

/** What comes of `promise`, or `undefined` where it takes longer than that. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `promise`, or the `canceled` error as soon as `signal` says stop. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(canceled(signal));
    };
    signal.addEventListener("abort", stop);
    void promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", stop);
    });
  });
}

/** The stable code that the wasm put on one of its errors, if this is one. */
export function codeOf(thrown: unknown): ErrorCode | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  const { code } = thrown;
  return typeof code === "string" && CODES.has(code) ? (code as ErrorCode) : undefined;
}

/** The text of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
