/**
 * Hours of use, with the memory of the browser's processes written down: 200 photos in a row, then photos and tunings by
 * turns, in two tabs of which one is frozen now and then. Writes `test-results/load.csv` and `load.md`.
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { file, photo, read } from "./files";
import { UnnoisePage, expect, test } from "./page";
import { resident } from "./processes";

const MINUTES = Number(process.env.UNNOISE_LOAD_MINUTES ?? 60);
/** Photos in a row, before anything else. */
const ROW = Number(process.env.UNNOISE_LOAD_PHOTOS ?? 200);
/** Photos between two samples. */
const BETWEEN = 5;
/** Milliseconds that a photo or a tuning may take, on a machine that has other things to do. */
const PATIENCE = 600_000;
const FOLDER = "test-results";

/** What a sample consists of, megabytes but for the first four. */
const COLUMNS = [
  "minutes",
  "phase",
  "photos",
  "tunings",
  "renderer",
  "second renderer",
  "browser",
  "others",
  "JavaScript",
] as const;
/** Of these the summary tells. */
const MEASURED = [4, 5, 6, 7, 8] as const;

type Sample = readonly (number | string)[];

/** Writes down samples, and in the end what they say. */
class Record {
  readonly #start = performance.now();
  readonly #samples: Sample[] = [];
  readonly #browser: Browser;
  photos = 0;
  tunings = 0;

  constructor(browser: Browser) {
    this.#browser = browser;
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(`${FOLDER}/load.csv`, `${COLUMNS.join(",")}\n`);
  }

  /** Minutes since the beginning. */
  get minutes(): number {
    return (performance.now() - this.#start) / 60_000;
  }

  /** Notes what the processes have in memory, garbage apart. */
  async sample(phase: string, pages: readonly Page[]): Promise<void> {
    let heap = 0;
    for (const page of pages) {
      const session = await page.context().newCDPSession(page);
      await session.send("HeapProfiler.collectGarbage");
      heap += (await session.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
      await session.detach();
    }
    const { renderers, browser, others } = await resident(this.#browser);
    const [first = 0, second = 0] = renderers;
    const sizes = [first, second, browser, others, heap].map((size) => Number(size.toFixed(1)));
    const sample = [Number(this.minutes.toFixed(2)), phase, this.photos, this.tunings, ...sizes];
    this.#samples.push(sample);
    appendFileSync(`${FOLDER}/load.csv`, `${sample.join(",")}\n`);
    this.#summarize();
  }

  #summarize(): void {
    const phases = [...new Set(this.#samples.map(([, phase]) => phase))];
    const lines = phases.flatMap((phase) => {
      const samples = this.#samples.filter((sample) => sample[1] === phase);
      const minutes = samples.map((sample) => Number(sample[0]));
      return MEASURED.map((column) => {
        const sizes = samples.map((sample) => Number(sample[column]));
        const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
        const third = Math.ceil(sizes.length / 3);
        const [early, late] = [mean(sizes.slice(third, 2 * third)), mean(sizes.slice(-third))];
        const cells = [phase, COLUMNS[column], samples.length, least, early, late, most];
        const numbers = cells.map((cell) => (typeof cell === "number" ? Number(cell.toFixed(1)) : cell));
        return `| ${[...numbers, slope(minutes, sizes).toFixed(1)].join(" | ")} |`;
      });
    });
    const done = `${this.photos} photos, ${this.tunings} tunings, ${this.minutes.toFixed(0)} minutes`;
    const head = "| Phase | Process | Samples | Least | Second third | Last third | Most | MB an hour |";
    const rule = `|${" --- |".repeat(8)}`;
    writeFileSync(`${FOLDER}/load.md`, `${done}; megabytes:\n\n${[head, rule, ...lines].join("\n")}\n`);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Growth an hour, by least squares over all but the first third, in which caches fill. */
function slope(minutes: readonly number[], sizes: readonly number[]): number {
  const from = Math.ceil(sizes.length / 3);
  const [x, y] = [minutes.slice(from), sizes.slice(from)];
  const [meanX, meanY] = [mean(x), mean(y)];
  const along = x.reduce((sum, at) => sum + (at - meanX) ** 2, 0);
  return along && (60 * x.reduce((sum, at, i) => sum + (at - meanX) * ((y[i] ?? 0) - meanY), 0)) / along;
}

async function opened(context: BrowserContext): Promise<UnnoisePage> {
  const app = new UnnoisePage(await context.newPage());
  await app.open();
  return app;
}

async function denoise(app: UnnoisePage, record: Record, width: number, height: number): Promise<void> {
  await app.show(photo(width, height, `${record.photos++}.png`));
  await app.denoise(PATIENCE);
}

/** Waits until a page has had nothing to do for a second. */
async function settled({ learnButton }: UnnoisePage): Promise<void> {
  for (let idle = 0, end = performance.now() + PATIENCE; idle < 4;) {
    if (performance.now() > end) throw new Error("the page did not come to rest");
    await new Promise((resolve) => setTimeout(resolve, 250));
    const isIdle = await learnButton.and(learnButton.page().locator("[aria-disabled=false]")).isVisible();
    idle = isIdle ? idle + 1 : 0;
  }
}

/** Begins to learn, for ten seconds. */
async function startTuning(app: UnnoisePage): Promise<void> {
  await app.budget.selectOption("10");
  await app.learnButton.click();
  await expect(app.stopButton).toBeVisible();
}

/** Waits for what has been learned, and goes back to the network from before. */
async function endTuning(app: UnnoisePage, record: Record): Promise<void> {
  await settled(app);
  await expect(app.learned).toHaveText(/^(Better|Not clearly better)/);
  if (await app.revertButton.isVisible()) await app.revertButton.click();
  await settled(app);
  record.tunings += 1;
}

test("hours of photos and tunings", async ({ context, browser }) => {
  await context.addInitScript(() => {
    localStorage.setItem("at-once", "no");
  });
  const record = new Record(browser);
  const app = await opened(context);
  const small = read("../fixtures/rednet/rednet20_tiny_stride1_c3/weights.safetensors");
  await app.chooseWeights(file("small.safetensors", small));
  await expect(app.weights).toHaveText("small.safetensors");
  for (let i = 0; i < ROW && record.minutes < MINUTES; i += 1) {
    await denoise(app, record, 800, 600);
    if (record.photos % BETWEEN === 0) await record.sample("photos in a row", [app.page]);
  }

  await app.model.selectOption("unet");
  await expect(app.model).toBeEnabled();
  const other = await opened(context);
  while (record.minutes < MINUTES) {
    await app.page.bringToFront();
    await denoise(app, record, 160, 120);
    await startTuning(app);
    await endTuning(app, record);
    // Another photo, by the tab in front, while the one behind it learns, and is then frozen as browsers do with hidden tabs.
    await startTuning(app);
    await other.page.bringToFront();
    const session = await context.newCDPSession(app.page);
    await session.send("Page.setWebLifecycleState", { state: "frozen" });
    await denoise(other, record, 160, 120);
    await session.send("Page.setWebLifecycleState", { state: "active" });
    await session.detach();
    await endTuning(app, record);
    await record.sample("two tabs, one frozen by turns", [app.page, other.page]);
  }
});
