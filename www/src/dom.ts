/** The element with this id, which must be of this class. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`There is no ${type.name} with the id "${id}".`);
}

/** Puts words into an element, unless they are there: the same ones again would be painted again. */
export function say(element: HTMLElement, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

/** Resolves when the page has been painted; pages that nobody sees are not, and wait a second. */
export function painted(): Promise<unknown> {
  const frame = () => new Promise(requestAnimationFrame);
  return Promise.race([frame().then(frame), new Promise((resolve) => setTimeout(resolve, 1000))]);
}

/** The 2D context of a canvas. */
export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function context2d(
  canvas: OffscreenCanvas,
  settings?: CanvasRenderingContext2DSettings,
): OffscreenCanvasRenderingContext2D;
export function context2d(
  canvas: HTMLCanvasElement | OffscreenCanvas,
  settings?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", settings);
  if (context) return context;
  throw new Error("This browser gives no canvas to draw on.");
}

/** Gives the memory of pixels back at once: that of a large photo, before garbage happens to be collected. */
export function discard({ data }: ImageData): void {
  // What is handed over to nobody is freed; `transfer` does not do it, as images hold on to their memory in Chromium.
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(undefined, [data.buffer]);
  port1.close();
}
