/** WebP files: taking metadata away. */

/** Bits of the extended header that say there are EXIF and XMP. */
const SAID = 0x08 | 0x04;

/** The file without what it says of camera, time and place. */
export function stripWebp(file: Uint8Array<ArrayBuffer>): Blob {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const kept: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 12; at + 8 <= file.length;) {
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + size + (size & 1);
    const type = String.fromCharCode(...file.subarray(at, at + 4));
    const chunk = file.slice(at, end);
    if (type === "VP8X") chunk[8] = (chunk[8] ?? 0) & ~SAID;
    if (type !== "EXIF" && type !== "XMP ") kept.push(chunk);
    at = end;
  }
  const head = file.slice(0, 12);
  const length = kept.reduce((sum, chunk) => sum + chunk.length, 4);
  new DataView(head.buffer).setUint32(4, length, true);
  return new Blob([head, ...kept], { type: "image/webp" });
}
