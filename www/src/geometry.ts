/** Where the photo is in its viewport. All lengths are CSS pixels; a scale is CSS pixels per photo pixel. */
export interface View {
  readonly scale: number;
  /** Left edge of the photo, from the viewport's. */
  readonly x: number;
  /** Top edge of the photo, from the viewport's. */
  readonly y: number;
}

/** A width and a height. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A position. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Space kept around a photo that is fitted. */
const MARGIN = 24;
/** Photos are enlarged to fit, but not beyond recognition: twice, or until the longer side has 512 CSS pixels. */
const FIT_ENLARGES = 2;
const FIT_SIDE = 512;

/** The whole photo, centred. */
export function fit(photo: Size, viewport: Size): View {
  const room = (side: number) => Math.max(side - 2 * MARGIN, 1);
  const scale = Math.min(
    room(viewport.width) / photo.width,
    room(viewport.height) / photo.height,
    Math.max(FIT_ENLARGES, FIT_SIDE / Math.max(photo.width, photo.height)),
  );
  return place({ scale, x: 0, y: 0 }, photo, viewport);
}

/** Changes the scale; the photo's pixel under `point` stays where it is. */
export function zoomTo(view: View, scale: number, point: Point, photo: Size, viewport: Size): View {
  const factor = scale / view.scale;
  const x = point.x - (point.x - view.x) * factor;
  const y = point.y - (point.y - view.y) * factor;
  return place({ scale, x, y }, photo, viewport);
}

/** Moves the photo. */
export function pan(view: View, dx: number, dy: number, photo: Size, viewport: Size): View {
  return place({ scale: view.scale, x: view.x + dx, y: view.y + dy }, photo, viewport);
}

/** Centres what is smaller than the viewport, and keeps what is larger from leaving it. */
export function place(view: View, photo: Size, viewport: Size): View {
  return {
    scale: view.scale,
    x: placeAxis(view.x, photo.width * view.scale, viewport.width),
    y: placeAxis(view.y, photo.height * view.scale, viewport.height),
  };
}

/** The part of the photo in the middle of the viewport, in whole pixels of the photo, at most `side` wide and high. */
export function middle(view: View, photo: Size, viewport: Size, side: number): Point & Size {
  const [x, width] = middleAxis(view.x, view.scale, photo.width, viewport.width, side);
  const [y, height] = middleAxis(view.y, view.scale, photo.height, viewport.height, side);
  return { x, y, width, height };
}

function middleAxis(
  position: number,
  scale: number,
  length: number,
  room: number,
  side: number,
): [start: number, length: number] {
  const part = Math.max(1, Math.min(side, length, Math.ceil(room / scale)));
  const start = Math.round((room / 2 - position) / scale - part / 2);
  return [Math.min(length - part, Math.max(0, start)), part];
}

function placeAxis(position: number, length: number, room: number): number {
  if (length <= room) return (room - length) / 2;
  return Math.min(0, Math.max(room - length, position));
}
