/** Draws files off the page's thread. */
import type { Mix } from "../mix/mixing";
import { dressJpeg } from "./jpeg";
import { dressPng, encodePng } from "./png";
import { inDepth, mixed, shrunk, type Picture } from "./redraw";
import { drawnTiff } from "./tiff";

/** A file that is to be drawn. */
export interface Drawing {
  /** The photo, where it is to be mixed with the result here. */
  readonly before: Picture | undefined;
  readonly after: Picture;
  readonly mix: Mix;
  /** What white is in their samples. */
  readonly top: number;
  /** By how much both sides are divided. */
  readonly factor: number;
  readonly bits: 8 | 16 | 32;
  readonly gray: boolean;
  readonly opaque: boolean;
  readonly type: "image/png" | "image/jpeg" | "image/tiff";
  /** From 0 to 1, of a JPEG. */
  readonly quality: number;
  /** The engine's file of the result: its metadata are taken over. */
  readonly donor: Blob;
}

addEventListener("message", ({ data }: MessageEvent<Drawing>) => {
  void draw(data).then(
    (file) => {
      postMessage({ file });
    },
    (thrown: unknown) => {
      postMessage({ error: thrown instanceof Error ? thrown.message : String(thrown) });
    },
  );
});

async function draw(drawing: Drawing): Promise<Blob> {
  const { before, after, mix, factor, top, type } = drawing;
  const whole = before ? mixed(before, after, mix) : after;
  const picture = factor > 1 ? shrunk(whole, factor) : whole;
  const donor = new Uint8Array(await drawing.donor.arrayBuffer());
  if (type === "image/jpeg") return dressJpeg(await jpegOf(picture, top, drawing.quality), donor);
  const samples = inDepth(picture, top, drawing);
  if (type === "image/tiff") return drawnTiff(samples, drawing.gray ? 1 : 3, donor);
  return new Blob([dressPng(await encodePng(samples), donor)], { type });
}

async function jpegOf(picture: Picture, top: number, quality: number): Promise<Uint8Array<ArrayBuffer>> {
  const { data, width } = inDepth(picture, top, { bits: 8, gray: false, opaque: false });
  const image = new ImageData(new Uint8ClampedArray(data), width);
  const canvas = new OffscreenCanvas(width, image.height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  // JPEG has no transparency: what is transparent lies on white, as the engine has it.
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, image.height);
  const file = await canvas.convertToBlob({ type: "image/jpeg", quality });
  return new Uint8Array(await file.arrayBuffer());
}
