import type { AdvancedPanel } from "../advanced-panel";
import * as format from "../format";
import { WHOLE } from "../mix/mixing";
import type { Networks } from "../networks";
import type { Panel } from "../panel";
import type { SavePanel } from "../save-panel";
import { offer } from "../saving/delivery";
import { fileOf } from "../saving/save";
import type { Stage } from "../stage";
import { text } from "../strings";
import { isCancel, sentence, type Tasks } from "../tasks";
import { saveIntoFolder, zipOf } from "./deliver";
import { Queue } from "./queue";
import { QueuePanel } from "./queue-panel";

/** What the queue works with. */
export interface Shop {
  readonly stage: Stage;
  readonly panel: Panel;
  readonly advanced: AdvancedPanel;
  readonly save: SavePanel;
  readonly tasks: Tasks;
  readonly networks: Networks;
  /** The list was closed: the single photo is shown again. */
  readonly onClose: () => Promise<void>;
}

/** Denoises several photos, and gives them away together. */
export class Batch {
  readonly #shop: Shop;
  readonly #queue: Queue;
  readonly #panel: QueuePanel;

  constructor(shop: Shop) {
    this.#shop = shop;
    this.#queue = new Queue(
      (photo, signal, onShare) => this.#denoise(photo, signal, onShare),
      () => {
        this.#panel.show(this.#queue);
      },
    );
    this.#panel = new QueuePanel((item) => {
      this.#queue.cancel(item);
    });
    this.#listen();
  }

  /** Whether the list is on screen: further photos go into it. */
  get open(): boolean {
    return this.#queue.items.length > 0;
  }

  /** Takes up photos, and denoises them one after the other. */
  async add(photos: readonly File[]): Promise<void> {
    const { busy } = this.#queue;
    this.#queue.add(photos);
    if (!busy) await this.#shop.tasks.attempt("running", () => this.#queue.run());
  }

  /** Gives up all that is not done. */
  cancel(): void {
    this.#queue.cancelAll();
  }

  #listen(): void {
    const on = (button: HTMLButtonElement, action: () => void | Promise<void>) => {
      button.addEventListener("click", () => void action());
    };
    on(this.#panel.cancelAll, () => {
      this.#queue.cancelAll();
    });
    on(this.#panel.close, () => {
      this.#queue.clear();
      return this.#shop.onClose();
    });
    on(this.#panel.zip, () =>
      this.#deliver(async (files) => {
        offer(await zipOf(files), text.queue.zipName);
      }),
    );
    on(this.#panel.folder, () => this.#deliver(saveIntoFolder));
  }

  async #deliver(give: (files: readonly File[]) => Promise<void>): Promise<void> {
    try {
      await give(this.#queue.files);
    } catch (thrown) {
      if (!isCancel(thrown)) this.#shop.panel.alert(text.save.notSaved(sentence(thrown)));
    }
  }

  /** Denoises a photo on the stage into a file, as the options of the page say. */
  async #denoise(photo: File, signal: AbortSignal, onShare: (share: number) => void): Promise<File> {
    const { stage, panel, advanced, save, networks } = this.#shop;
    const denoiser = await networks.engines.get();
    const decoded = await denoiser.decode(photo, { signal });
    panel.showPhoto(photo.name, { ...decoded, pages: 1 }, 0);
    await stage.show(decoded.image);
    stage.startResult(networks.card.scale);
    const result = await denoiser.denoise(photo, {
      adapt: advanced.adapt,
      signal,
      onProgress: ({ fraction }) => {
        onShare(fraction);
      },
      onTile: (tile) => void stage.paint(tile),
    });
    try {
      const options = { ...save.options, factor: 1 };
      const blob = await fileOf(result, WHOLE, options, decoded);
      stage.compare();
      return new File([blob], format.resultName(photo.name, options.type), { type: options.type });
    } finally {
      result.dispose();
    }
  }
}
