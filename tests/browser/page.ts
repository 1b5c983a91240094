/** The page, as a person sees and uses it. */
import { readFile } from "node:fs/promises";
import { expect, test as base, type Locator, type Page } from "@playwright/test";
import type { TestFile } from "./files";
import { readPng, type Pixels } from "./png";

export class UnnoisePage {
  readonly denoiseButton: Locator;
  readonly cancelButton: Locator;
  readonly downloadButton: Locator;
  readonly status: Locator;
  readonly alert: Locator;
  readonly photoName: Locator;
  readonly photoFacts: Locator;
  readonly strength: Locator;
  readonly model: Locator;
  /** Whose weights are in use. */
  readonly weights: Locator;
  /** Why Denoise is disabled. */
  readonly hint: Locator;
  readonly device: Locator;
  readonly adapt: Locator;
  /** Noise of the photo, and what was done about it. */
  readonly noise: Locator;
  readonly engine: Locator;
  readonly divider: Locator;
  readonly learnButton: Locator;
  readonly stopButton: Locator;
  readonly revertButton: Locator;
  readonly budget: Locator;
  readonly objective: Locator;
  /** What came of learning. */
  readonly learned: Locator;
  /** How far the learning is. */
  readonly learning: Locator;

  constructor(readonly page: Page) {
    this.denoiseButton = page.getByRole("button", { name: "Denoise", exact: true });
    this.cancelButton = page.getByRole("button", { name: "Cancel" });
    this.downloadButton = page.getByRole("button", { name: "Save photo" });
    this.status = page.getByRole("status").and(page.locator("#status"));
    this.alert = page.getByRole("alert");
    this.photoName = page.locator("#photo-name");
    this.photoFacts = page.locator("#photo-facts");
    this.strength = page.getByRole("slider", { name: "Strength" });
    this.model = page.getByRole("combobox", { name: "Network" });
    this.weights = page.locator("#weights-about");
    this.hint = page.locator("#denoise-hint");
    this.device = page.getByRole("combobox", { name: "Runs on" });
    this.adapt = page.getByRole("combobox", { name: "Method" });
    this.noise = page.locator("#noise-about");
    this.engine = page.locator("#device-about");
    this.divider = page.getByRole("slider", { name: /Boundary/ });
    this.learnButton = page.getByRole("button", { name: /^(Tune|Train from scratch)$/ });
    this.stopButton = page.getByRole("button", { name: "Stop and keep" });
    this.revertButton = page.getByRole("button", { name: "Revert" });
    this.budget = page.getByRole("combobox", { name: "Time, at most" });
    this.objective = page.getByRole("combobox", { name: "Training objective" });
    this.learned = page.locator("#learn-status");
    this.learning = page.locator("#learn-facts");
  }

  /** Opens the page and waits for the engine. */
  async open(): Promise<void> {
    await this.page.goto("./");
    await expect(this.engine).toContainText("Uses", { timeout: 60_000 });
    await this.openAdvanced();
  }

  /** Opens what is kept closed for most. */
  async openAdvanced(): Promise<void> {
    await this.page.getByText("Advanced", { exact: true }).click();
  }

  /** Opens a photo, perhaps by its path, with the file dialog. */
  async choose(file: TestFile | string): Promise<void> {
    const dialog = this.page.waitForEvent("filechooser");
    await this.page.getByRole("button", { name: "Open photo…" }).click();
    await (await dialog).setFiles(file);
  }

  /** Opens a photo and waits until it is there. */
  async show(file: TestFile): Promise<void> {
    await this.choose(file);
    await expect(this.photoName).toHaveText(file.name);
  }

  /** Drops files on the photo. */
  async drop(...files: TestFile[]): Promise<void> {
    const dataTransfer = await this.page.evaluateHandle(
      (dropped) => {
        const transfer = new DataTransfer();
        for (const { name, mimeType, base64 } of dropped) {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          transfer.items.add(new File([bytes], name, { type: mimeType }));
        }
        return transfer;
      },
      files.map(({ buffer, ...file }) => ({ ...file, base64: buffer.toString("base64") })),
    );
    for (const type of ["dragenter", "dragover", "drop"]) {
      await this.page.dispatchEvent("#viewport", type, { dataTransfer });
    }
  }

  /** Gives the page weights of one's own. */
  async chooseWeights(file: TestFile): Promise<void> {
    const dialog = this.page.waitForEvent("filechooser");
    await this.page.getByRole("button", { name: "Use a file…" }).click();
    await (await dialog).setFiles(file);
  }

  /** Denoises what is shown. */
  async denoise(timeout = 100_000): Promise<void> {
    await this.denoiseButton.click();
    await expect(this.status).toContainText("Done in", { timeout });
  }

  /** Downloads the result. */
  async download(): Promise<{ name: string; picture: Pixels }> {
    const begun = this.page.waitForEvent("download");
    await this.downloadButton.click();
    const download = await begun;
    const picture = readPng(await readFile(await download.path()));
    return { name: download.suggestedFilename(), picture };
  }

  /** Opens, denoises and downloads. */
  async result(file: TestFile): Promise<Pixels> {
    await this.show(file);
    await this.denoise();
    return (await this.download()).picture;
  }
}

/** What Chromium itself writes where there is no GPU, and Playwright where no service worker is wanted. */
const BROWSERS_OWN = /^(No available adapters\.|Service Worker registration blocked by Playwright)$/;

/** What a test may want otherwise. */
interface Settings {
  /** Whether photos are denoised as soon as they are opened, as the page does for its visitors. */
  atOnce: boolean;
}

/** A test with the page open. It also fails when the page talks to anyone but its server, or writes to the console. */
export const test = base.extend<{ app: UnnoisePage } & Settings>({
  atOnce: [false, { option: true }],
  app: async ({ page, baseURL, atOnce }, use) => {
    await page.addInitScript(
      (value) => {
        localStorage.setItem("at-once", value);
      },
      atOnce ? "yes" : "no",
    );
    const wrong: string[] = [];
    page.on("request", (request) => {
      const url = request.url();
      if (!/^(blob|data):/.test(url) && !url.startsWith(baseURL ?? "")) wrong.push(`request: ${url}`);
    });
    page.on("console", (message) => {
      const bad = message.type() === "error" || message.type() === "warning";
      if (bad && !BROWSERS_OWN.test(message.text())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    const app = new UnnoisePage(page);
    await app.open();
    await use(app);
    expect(wrong).toEqual([]);
  },
});

export { expect } from "@playwright/test";
