/** Loads one of the three builds of the wasm. */
import { ARTIFACTS, type Wasm } from "../artifacts.js";
import { Download, bodySize, type ByteProgress } from "../shared/download.js";
import { UnnoiseError, messageOf } from "../shared/errors.js";
import type { Artifact, PostedWasm } from "../shared/protocol.js";
import type { Device } from "../shared/types.js";

/** A module whose one function is `f32x4.relaxed_madd` of its arguments. */
const RELAXED_SIMD = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  [0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  [0x03, 0x02, 0x01, 0x00],
  [0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b],
].flat();

/** The build for a device: on the CPU the one with relaxed SIMD where the engine has it, unless only the other was given. */
export function artifactFor(device: Device, sources: Partial<Record<Artifact, PostedWasm>>): Artifact {
  if (device !== "flex") return "full";
  if (sources.cpu !== undefined && sources.relaxed === undefined) return "cpu";
  return WebAssembly.validate(Uint8Array.from(RELAXED_SIMD)) ? "relaxed" : "cpu";
}

/** A running build, and its code, with which more workers start without compiling it again. */
export interface LoadedWasm {
  readonly wasm: Wasm;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/**
 * Downloads and starts a build.
 *
 * @throws `UnnoiseError` `network` when it cannot be fetched or is damaged, `internal` when it does not start
 */
export async function loadWasm(
  artifact: Artifact,
  source: PostedWasm | undefined,
  patience: number | undefined,
  onProgress: ByteProgress,
): Promise<LoadedWasm> {
  const { wasm, url } = ARTIFACTS[artifact];
  const given = source ?? url.href;
  const module = await (typeof given === "string"
    ? downloadedCode(given, patience, onProgress)
    : compiled(given));
  try {
    const { memory } = await wasm.default({ module_or_path: module });
    return { wasm, module, memory };
  } catch (cause) {
    throw new UnnoiseError("internal", `The engine does not start (${messageOf(cause)}).`, { cause });
  }
}

async function compiled(code: Exclude<PostedWasm, string>): Promise<WebAssembly.Module> {
  if (code instanceof WebAssembly.Module) return code;
  try {
    // Bytes in shared memory are refused here.
    return await WebAssembly.compile(code as BufferSource);
  } catch (cause) {
    throw new UnnoiseError("option", `What was given as wasm is none (${messageOf(cause)}).`, { cause });
  }
}

async function downloadedCode(
  url: string,
  patience: number | undefined,
  onProgress: ByteProgress,
): Promise<WebAssembly.Module> {
  const download = new Download(url, { patience });
  const response = await download.response();
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/html")) {
    download.end();
    // Servers of single-page apps answer any missing file with their page.
    const message = `${url} is a web page, not the engine: the server does not have the file.`;
    throw new UnnoiseError("network", message);
  }
  void countBytes(response.clone(), download, onProgress);
  try {
    // Compiling while it downloads is for servers that know the type of the file.
    return await (type === "application/wasm"
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()));
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw download.failure(cause);
    throw new UnnoiseError("network", `${url} is not the engine that it should be (${messageOf(cause)}).`, {
      cause,
    });
  } finally {
    download.end();
  }
}

/** Counts on a copy: compiled code is cached by the browser only when it gets the response that came from the network. */
async function countBytes(response: Response, download: Download, onProgress: ByteProgress): Promise<void> {
  const total = bodySize(response);
  let loaded = 0;
  try {
    for await (const chunk of response.body ?? []) {
      loaded += chunk.length;
      download.progress();
      onProgress(loaded, total);
    }
  } catch {
    // The original of this response fails as well, and is what reports it.
  }
  download.end();
}
