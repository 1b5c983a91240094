/** JPEG files: taking metadata over or away. */

/** Start of scan: compressed pixels follow. */
const SCAN = 0xda;
/** Application segments, of which 0 is JFIF, 2 the colour profile and 14 how colours are coded. */
const APP = 0xe0;
const COMMENT = 0xfe;
const PICTURE = [APP, APP + 2, APP + 14];

interface Segment {
  readonly marker: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The pixels of one file with all that another one says of them. */
export function dressJpeg(pixels: Uint8Array<ArrayBuffer>, donor: Uint8Array<ArrayBuffer>): Blob {
  const said = segmentsOf(donor).filter(({ marker }) => isSaid(marker) && marker !== APP + 14);
  const own = segmentsOf(pixels).filter(({ marker }) => !isSaid(marker) || marker === APP + 14);
  return joined([...said, ...own]);
}

/** The file without what it says of camera, time and place. */
export function stripJpeg(file: Uint8Array<ArrayBuffer>): Blob {
  return joined(segmentsOf(file).filter(({ marker }) => !isSaid(marker) || PICTURE.includes(marker)));
}

function isSaid(marker: number): boolean {
  return (marker >= APP && marker < APP + 16) || marker === COMMENT;
}

/** The segments after the start of the image; the last one is all from the first scan on. */
function segmentsOf(file: Uint8Array<ArrayBuffer>): Segment[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const segments: Segment[] = [];
  for (let at = 2; at + 4 <= file.length;) {
    const marker = view.getUint8(at + 1);
    const end = marker === SCAN ? file.length : at + 2 + view.getUint16(at + 2);
    segments.push({ marker, bytes: file.subarray(at, end) });
    at = end;
  }
  return segments;
}

function joined(segments: readonly Segment[]): Blob {
  const start = Uint8Array.of(0xff, 0xd8);
  return new Blob([start, ...segments.map(({ bytes }) => bytes)], { type: "image/jpeg" });
}
