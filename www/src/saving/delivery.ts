import type { Comparison } from "../comparison";
import * as format from "../format";
import type { Panel } from "../panel";
import type { SavePanel } from "../save-panel";
import { text } from "../strings";
import { isCancel, sentence } from "../tasks";
import { fileOf, type Facts } from "./save";

/** The photo that the result is of. */
interface Subject extends Facts {
  readonly name: string;
}

/** Gives away the result as it is on screen: saves, copies or shares it. */
export class Delivery {
  readonly #panel: Panel;
  readonly #save: SavePanel;
  readonly #comparison: Comparison;
  #subject: Subject | undefined;

  constructor(panel: Panel, save: SavePanel, comparison: Comparison) {
    this.#panel = panel;
    this.#save = save;
    this.#comparison = comparison;
  }

  /** Notes of which photo the results are. */
  take(subject: Subject): void {
    this.#subject = subject;
  }

  /** Saves the result. */
  async save(): Promise<void> {
    await this.#attempt(text.save.notSaved, async () => {
      const file = await this.#file();
      offer(file, file.name);
    });
  }

  /** Puts the result into the clipboard. */
  async copy(): Promise<void> {
    await this.#attempt(text.save.notCopied, async () => {
      // As a promise: some browsers let a page write only while the click is fresh.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": this.#file("image/png") })]);
      this.#panel.setStatus(text.save.copied);
    });
  }

  /** Hands the result to another app. */
  async share(): Promise<void> {
    await this.#attempt(text.save.notSaved, async () => {
      await navigator.share({ files: [await this.#file()] });
    });
  }

  /** The result as a file of the chosen kind, or of another `type`. */
  async #file(type = this.#save.options.type): Promise<File> {
    const { selected, mix } = this.#comparison;
    if (!selected || !this.#subject) throw new Error("There is no result.");
    const blob = await fileOf(selected.result, mix, { ...this.#save.options, type }, this.#subject);
    return new File([blob], format.resultName(this.#subject.name, type), { type });
  }

  async #attempt(failed: (why: string) => string, task: () => Promise<void>): Promise<void> {
    this.#save.setBusy(true);
    try {
      await task();
    } catch (thrown) {
      if (!isCancel(thrown)) this.#panel.alert(failed(sentence(thrown)));
    } finally {
      this.#save.setBusy(false);
    }
  }
}

/** Whether this browser can hand files to other apps. */
export function canShare(): boolean {
  const { navigator } = globalThis as { navigator: { canShare?: Navigator["canShare"] } };
  return navigator.canShare?.({ files: [new File([""], "photo.png", { type: "image/png" })] }) ?? false;
}

/** Has the browser save a file. */
export function offer(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has its own hold on the data once it has begun.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 10_000);
}
