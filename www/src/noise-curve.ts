import type { PhotoNoise } from "unnoise";

/** Units of the drawing, and what is left around the curves for their numbers. */
const SIZE = { width: 300, height: 130, left: 30, right: 8, top: 8, bottom: 18 };
/** Values at the top of the axis, levels of 255, of which the least that is enough is taken. */
const TOPS = [1, 2, 5, 10, 20, 50, 100, 255];
/** The curves of three channels, or of gray. */
const NAMES = { 1: ["gray"], 3: ["red", "green", "blue"] } as const;

/** Draws the deviation of noise by brightness, both in levels of 255: a curve for each channel. */
export function drawCurves(svg: SVGSVGElement, curves: PhotoNoise["curves"]): void {
  const most = 255 * Math.max(...curves.flat().map(({ sigma }) => sigma));
  const top = TOPS.find((value) => value >= most) ?? 255;
  const { width, height, left, right, bottom } = SIZE;
  const [base, end] = [height - bottom, width - right];
  const x = (level: number) => left + level * (end - left);
  const y = (levels: number) => base - (levels / top) * (base - SIZE.top);
  const line = (from: readonly [number, number], to: readonly [number, number]) =>
    element("line", { class: "axis", x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
  const label = (value: number, at: readonly [number, number], anchor: "start" | "middle" | "end") => {
    const number = element("text", { x: at[0], y: at[1], "text-anchor": anchor });
    number.textContent = String(value);
    return number;
  };
  const names: readonly string[] = curves.length === 1 ? NAMES[1] : NAMES[3];
  const drawn = curves.map((curve, i) => {
    const points = curve.map(({ level, sigma }) => `${x(level).toFixed(1)},${y(255 * sigma).toFixed(1)}`);
    return element("polyline", { class: `curve curve-${names[i]}`, points: points.join(" ") });
  });
  const ticks = [0, top / 2, top].flatMap((value) => [
    line([left, y(value)], [end, y(value)]),
    label(value, [left - 6, y(value) + 4], "end"),
  ]);
  const levels = [0, 64, 128, 192, 255].map((value) =>
    label(value, [x(value / 255), height - 3], value === 0 ? "start" : value === 255 ? "end" : "middle"),
  );
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...ticks, ...levels, ...drawn);
}

function element(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
