import type { AdaptMode, DenoiseResult, EngineInfo, ModelCard } from "unnoise";
import type { AdvancedPanel } from "./advanced-panel";
import * as format from "./format";
import type { Size } from "./geometry";
import type { LearnPanel } from "./learn-panel";
import * as memory from "./memory";
import { cardOf, type Networks } from "./networks";
import type { Panel } from "./panel";
import { PURPOSES } from "./purposes";
import { Speed } from "./speed";
import { text } from "./strings";

/** What the chosen network, method and device mean for the photo on screen. */
export class Choice {
  /** What the engine runs on, once it has started. */
  engine: EngineInfo | undefined;
  readonly #panel: Panel;
  readonly #advanced: AdvancedPanel;
  readonly #learn: LearnPanel;
  readonly #networks: Networks;
  readonly #speed = new Speed();

  constructor(panel: Panel, advanced: AdvancedPanel, learn: LearnPanel, networks: Networks) {
    this.#panel = panel;
    this.#advanced = advanced;
    this.#learn = learn;
    this.#networks = networks;
  }

  /** Learns from a run how fast this machine is. */
  learn(result: DenoiseResult): void {
    this.#speed.learn(result, this.#networks.card);
  }

  /** Seconds that denoising a photo will take, once that can be foreseen. */
  seconds(photo: Size | undefined): number | undefined {
    if (!photo) return undefined;
    return this.#foresee(photo, this.#networks.waiting ?? this.#networks.card, this.#advanced.adapt);
  }

  /** The size in which this device has memory enough for a photo, where its own is too large. */
  fitting(photo: Size): Size | undefined {
    return memory.fitting(photo, (this.#networks.waiting ?? this.#networks.card).scale);
  }

  /** Says what was chosen, and what it means for a photo. */
  show(photo: Size | undefined): void {
    const { waiting, own, card } = this.#networks;
    const shown = waiting ?? card;
    const seconds = this.seconds(photo);
    const takes = seconds === undefined ? undefined : format.about(seconds);
    this.#advanced.showModel(shown, waiting ? undefined : own?.name, takes);
    this.#panel.setMissing(waiting?.title);
    const fitting = photo && this.fitting(photo);
    this.#panel.showMemory(fitting && { needed: memory.needed(photo, shown.scale), fitting });
    this.#learn.showModel(shown, waiting !== undefined);
    // Before the engine has started, it is what suits the machine that is asked for.
    const auto = this.#networks.auto ?? this.engine?.model;
    const model = auto === undefined || shown.id === auto ? ["auto", shown.id] : [shown.id];
    const fits = own || waiting ? [] : PURPOSES.filter((one) => model.includes(one.model));
    this.#advanced.showTimes(({ model: id, adapt }) => {
      const purposeCard = cardOf(id === "auto" ? auto : id);
      const time = photo && this.#foresee(photo, purposeCard, adapt);
      return time === undefined ? undefined : format.about(time);
    });
    const purpose = fits.find(({ adapt }) => adapt === this.#advanced.adapt);
    // The time of a purpose is told beside its name.
    const more = takes === undefined || purpose ? [] : [text.purpose.takes(takes)];
    if (photo && shown.scale > 1) {
      more.unshift(text.purpose.becomes(photo.width * shown.scale, photo.height * shown.scale));
    }
    this.#advanced.showPurpose(purpose, more);
  }

  #foresee({ width, height }: Size, card: ModelCard, adapt: AdaptMode): number | undefined {
    if (!this.engine) return undefined;
    return this.#speed.foresee({ card, adapt, width, height, device: this.engine.device });
  }
}
