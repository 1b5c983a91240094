/// <reference lib="esnext.disposable" preserve="true" />
import { UnnoiseError } from "../shared/errors.js";
import type { Link } from "./link.js";
import { platform } from "../shared/platform.js";
import type { ResultView } from "../shared/protocol.js";
import type { FloatPixels, ImageType, RunInfo } from "../shared/types.js";

/** A size in pixels, and how many times that of the photo it is. */
interface Size {
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

/** What the worker keeps for a result, shared by all views of it. */
class Kept {
  constructor(
    readonly link: Link,
    readonly id: number,
  ) {
    link.retain(id);
    forgotten.register(this, { link, id }, this);
  }

  release(): void {
    // What the registry holds, it holds for as long as this: the worker of a denoiser that is no more, for one.
    forgotten.unregister(this);
    this.link.release(this.id);
  }
}

/** Frees in the worker what the page has forgotten. */
const forgotten = new FinalizationRegistry<{ link: Link; id: number }>(({ link, id }) => {
  link.release(id);
});

const TYPES: readonly string[] = ["image/png", "image/jpeg", "image/webp", "image/tiff"];

/**
 * A denoised photo. Its pixels stay in the worker, in the photo's own bit depth, until one of the methods asks for
 * them. They are freed by {@link DenoiseResult.dispose}, with the denoiser, or when the result is garbage collected.
 */
export class DenoiseResult {
  /** Pixels: those of the photo times `scale`. */
  readonly width: number;
  /** Pixels: those of the photo times `scale`. */
  readonly height: number;
  /** Result pixels per photo pixel, per side: above 1 for networks that enlarge. */
  readonly scale: number;
  /** What ran, on what, why, and how long it took. */
  readonly info: RunInfo;
  /** From 0 (the photo as it was) to 1 (as the run made it). */
  readonly strength: number;
  /** Share of the fine luminance that is given back, from 0 to 1. */
  readonly detail: number;
  readonly #kept: Kept;

  private constructor(kept: Kept, size: Size, info: RunInfo, strength: number, detail: number) {
    this.#kept = kept;
    this.width = size.width;
    this.height = size.height;
    this.scale = size.scale;
    this.info = info;
    this.strength = strength;
    this.detail = detail;
  }

  /** @internal */
  static of(link: Link, id: number, size: Size, info: RunInfo, detail: number): DenoiseResult {
    return new DenoiseResult(new Kept(link, id), size, info, 1, detail);
  }

  /**
   * The same result blended with the photo, without running the network again.
   *
   * @param strength from 0 (the photo as it was) to 1 (as the run made it)
   * @throws `UnnoiseError` `option`, also for any strength but 1 of an enlarged result: the photo has another size
   */
  withStrength(strength: number): DenoiseResult {
    checkShare("strength", strength);
    if (strength < 1) this.#checkSize("strength");
    return new DenoiseResult(this.#kept, this, this.info, strength, this.detail);
  }

  /**
   * The same result with some of the fine luminance given back that denoising took: texture returns, and grain with it,
   * but neither blotches nor noise of colour. The network is not run again.
   *
   * @param detail from 0 (none) to 1 (all)
   * @throws `UnnoiseError` `option`, also for any detail but 0 of an enlarged result
   */
  withDetail(detail: number): DenoiseResult {
    checkShare("detail", detail);
    if (detail > 0) this.#checkSize("detail");
    return new DenoiseResult(this.#kept, this, this.info, this.strength, detail);
  }

  /**
   * The result as a file. TIFF holds all depths and units; PNG 8 and 16 bit, JPEG and WebP (lossless) 8 bit, to which others
   * are stretched. Alpha, colour profile, EXIF, XMP, IPTC and resolution are kept where the format can.
   *
   * @param quality for JPEG, from 0 to 1. Default 0.92.
   * @throws `UnnoiseError` `option` for another type, `encode` when the format cannot hold the photo
   */
  async blob(type: ImageType = "image/png", quality?: number): Promise<Blob> {
    return new Blob([await this.bytes(type, quality)], { type });
  }

  /** The bytes of {@link DenoiseResult.blob}: what Node's `writeFile` takes. */
  async bytes(type: ImageType = "image/png", quality?: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!TYPES.includes(type)) {
      throw new UnnoiseError("option", `${type} is not written; ${TYPES.join(", ")} are.`);
    }
    if (quality !== undefined && !(quality >= 0 && quality <= 1)) {
      throw new UnnoiseError("option", `quality is ${quality}; it goes from 0 to 1.`);
    }
    return this.#kept.link.call("encode", { ...this.#view(), type, quality });
  }

  /** The result in 8-bit RGBA with straight alpha. */
  async imageData(): Promise<ImageData> {
    const rgba = await this.#kept.link.call("rgba", this.#view());
    return platform.imageData(new Uint8ClampedArray(rgba.buffer), this.width);
  }

  /** The result as interleaved floats. */
  async float32(): Promise<FloatPixels> {
    const { channels, data } = await this.#kept.link.call("float32", this.#view());
    return { width: this.width, height: this.height, channels, data };
  }

  /** @internal */
  get link(): Link {
    return this.#kept.link;
  }

  /** @internal */
  async collect(stack: number): Promise<void> {
    await this.#kept.link.call("collect", { ...this.#view(), stack });
  }

  /** Frees the pixels of this result and of all its blends. */
  dispose(): void {
    this.#kept.release();
  }

  /** As {@link dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkSize(option: string): void {
    if (this.scale === 1) return;
    const message = `This result is ${this.scale} times as large as the photo, so ${option} cannot be changed afterwards.`;
    throw new UnnoiseError("option", message);
  }

  #view(): ResultView {
    return { result: this.#kept.id, strength: this.strength, detail: this.detail };
  }
}

/**
 * Refuses a share outside its range.
 *
 * @throws `UnnoiseError` `option`
 */
export function checkShare(option: string, share: number): void {
  if (share >= 0 && share <= 1) return;
  throw new UnnoiseError("option", `${option} is ${share}; it goes from 0 to 1.`);
}
