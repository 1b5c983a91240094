import type { AdaptMode, Denoiser, DenoiseResult, Progress } from "unnoise";
import type { Stage } from "./stage";

/** A stack that is denoised: all of it as a file, and every page as it is shown. */
export interface Whole {
  /** The file it was made from. */
  readonly source: Blob;
  readonly tiff: Blob;
  readonly pages: readonly Blob[];
  /** Pixels of the result per photo pixel, per side. */
  readonly scale: number;
}

/** How to denoise a stack, and whom to tell. */
interface WholeOptions {
  readonly adapt: AdaptMode;
  readonly signal: AbortSignal;
  /** Shows a page, and prepares the stage for what becomes of it. */
  readonly onPage: (page: number, image: ImageData) => Promise<void>;
  readonly onProgress: (progress: Progress, page: number, pages: number) => void;
}

/** Denoises all pages of a file, on the stage; an abort gives up all of it. */
export async function denoiseWhole(
  denoiser: Denoiser,
  source: Blob,
  stage: Stage,
  { adapt, signal, onPage, onProgress }: WholeOptions,
): Promise<Whole> {
  const stack = await denoiser.openStack(source, { signal });
  const pages: Blob[] = [];
  let scale = 1;
  const begin = async (page: number) => {
    if (page === stack.pages) return;
    const { image } = await denoiser.decode(stack.page(page), { signal });
    await onPage(page, image);
  };
  const take = async (result: DenoiseResult) => {
    scale = result.scale;
    result.dispose();
    pages.push(await stage.snapshot());
    await begin(pages.length);
  };
  try {
    await begin(0);
    const results = stack.denoise({
      adapt,
      signal,
      onProgress: (progress) => {
        onProgress(progress, pages.length, stack.pages);
      },
      onTile: (tile) => void stage.paint(tile),
    });
    for await (const result of results) await take(result);
    return { source, tiff: await stack.blob(), pages, scale };
  } finally {
    stack.dispose();
  }
}
