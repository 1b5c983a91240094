import type { AdvancedPanel } from "../advanced-panel";
import * as format from "../format";
import { WHOLE } from "../mix/mixing";
import type { Networks } from "../networks";
import { FROM_SHOTS } from "../objectives";
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
  /** The photos of the list show one scene, which is to be learned from. */
  readonly onScene: (photos: readonly File[]) => Promise<void>;
}

/** Denoises several photos, and gives them away together. */
export class Batch {
  readonly #shop: Shop;
  readonly #queue: Queue;
  readonly #panel: QueuePanel;
  /** Width and height of the photos that have been read. */
  readonly #sizes = new Map<File, string>();

  constructor(shop: Shop) {
    this.#shop = shop;
    this.#queue = new Queue(
      (photo, signal, onShare) => this.#denoise(photo, signal, onShare),
      () => {
        this.#panel.show(this.#queue);
        this.#panel.showScene(this.#scene.length);
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

  /** The photos, if they may be several shots of one scene that the network can learn from: all that were read have one size. */
  get #scene(): readonly File[] {
    const read = this.#queue.items.map(({ photo }) => photo).filter((photo) => this.#sizes.has(photo));
    const isOne = new Set(read.map((photo) => this.#sizes.get(photo))).size === 1;
    const learns = this.#shop.networks.card.objectives.includes(FROM_SHOTS);
    return isOne && learns && read.length > 1 ? read : [];
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
    on(this.#panel.scene, () => {
      const photos = this.#scene;
      this.#queue.clear();
      return this.#shop.onScene(photos);
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
    this.#sizes.set(photo, `${decoded.width} ${decoded.height}`);
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
