import { models, type AdaptMode, type DeviceChoice, type EngineInfo, type ModelCard } from "unnoise";
import { byId, say } from "./dom";
import * as format from "./format";
import type { Activity } from "./panel";
import { PURPOSES, type Purpose } from "./purposes";
import { text } from "./strings";

const { advanced } = text;
const CUSTOM = "custom";

/** What a photo is, and under Advanced all that follows from it: network, weights, method, device. */
export class AdvancedPanel {
  readonly purpose = byId("purpose", HTMLSelectElement);
  readonly model = byId("model", HTMLSelectElement);
  readonly device = byId("device", HTMLSelectElement);
  readonly method = byId("adapt", HTMLSelectElement);
  readonly weightsOpen = byId("weights-open", HTMLButtonElement);
  readonly weightsFile = byId("weights-file", HTMLInputElement);
  readonly weightsReset = byId("weights-reset", HTMLButtonElement);
  readonly #atOnce = byId("at-once", HTMLInputElement);

  constructor() {
    offerModels(this.model);
    offer(this.method, advanced.methods);
    offer(this.device, advanced.devices);
    this.purpose.append(...PURPOSES.map(({ id, title }) => new Option(title, id)));
    const custom = new Option(text.purpose.custom.title, CUSTOM);
    custom.hidden = true;
    this.purpose.append(custom);
    this.#rememberAtOnce();
  }

  /** Whether a photo is denoised as soon as it is opened. */
  get atOnce(): boolean {
    return this.#atOnce.checked;
  }

  get adapt(): AdaptMode {
    return this.method.value as AdaptMode;
  }

  set adapt(adapt: string) {
    this.method.value = adapt;
  }

  get deviceChoice(): DeviceChoice {
    return this.device.value as DeviceChoice;
  }

  /** Enables what makes sense now. */
  setActivity(activity: Activity): void {
    const settings = [
      this.purpose,
      this.model,
      this.device,
      this.method,
      this.weightsOpen,
      this.weightsReset,
    ];
    for (const control of settings) control.disabled = activity !== "idle";
  }

  /** Shows what the photo is taken for; without a purpose, what was chosen fits none. */
  showPurpose(purpose: Purpose | undefined, more: readonly string[]): void {
    this.purpose.value = purpose?.id ?? CUSTOM;
    const about = purpose?.about ?? text.purpose.custom.about;
    say(byId("purpose-about", HTMLElement), [about, ...more].join(" "));
    const example = byId("purpose-example", HTMLImageElement);
    example.hidden = !purpose;
    // The same address again would have it loaded and painted again.
    const address = purpose && new URL(purpose.example, document.baseURI).href;
    if (address !== undefined && address !== example.src) example.src = address;
  }

  /** Says of each purpose how long it takes for the photo on screen, where that can be foreseen. */
  showTimes(timeOf: (purpose: Purpose) => string | undefined): void {
    for (const purpose of PURPOSES) {
      const option = [...this.purpose.options].find(({ value }) => value === purpose.id);
      const time = timeOf(purpose);
      if (option) option.text = time === undefined ? purpose.title : text.purpose.option(purpose.title, time);
    }
  }

  /** Shows what the engine runs on, and why. */
  showEngine({ device, adapter, reason }: EngineInfo): void {
    const named = device === "webgpu" && adapter ? ` (${adapter})` : "";
    byId("device-about", HTMLElement).textContent = advanced.uses(advanced.devices[device], named, reason);
  }

  /**
   * Shows the chosen network and whose weights it has: a file's name, or the shipped ones.
   *
   * @param takes how long it would take for this photo
   */
  showModel(card: ModelCard, own: string | undefined, takes: string | undefined): void {
    const { summary, noise, paper, parameters, weights } = card;
    const show = (id: string, words: string) => {
      byId(id, HTMLElement).textContent = words;
    };
    this.model.value = card.id;
    show("model-about", advanced.summary(summary, noise));
    show("model-cost", advanced.cost(format.count(parameters), takes));
    show("paper", paper.title);
    byId("paper", HTMLAnchorElement).href = paper.url;
    show("paper-authors", `, ${paper.authors}, ${paper.year}`);
    show("weights-about", own ?? (weights ? advanced.shipped(format.bytes(weights.bytes)) : advanced.none));
    this.weightsReset.hidden = own === undefined || !weights;
  }

  #rememberAtOnce(): void {
    try {
      this.#atOnce.checked = localStorage.getItem("at-once") !== "no";
      this.#atOnce.addEventListener("change", () => {
        localStorage.setItem("at-once", this.atOnce ? "yes" : "no");
      });
    } catch {
      // Storage is denied here: the choice holds for this visit.
    }
  }
}

function offer(select: HTMLSelectElement, options: Readonly<Record<string, string>>): void {
  select.append(...Object.entries(options).map(([value, title]) => new Option(title, value)));
}

/** The networks, by what they are for. */
function offerModels(select: HTMLSelectElement): void {
  const groups = [
    { label: advanced.forAny, has: ({ id }: ModelCard) => id.startsWith("unet") },
    { label: advanced.forEnlarging, has: ({ scale, weights }: ModelCard) => scale > 1 && weights !== null },
    {
      label: advanced.forCamera,
      has: ({ correlated, weights }: ModelCard) => correlated && weights !== null,
    },
    { label: advanced.forGrain, has: ({ weights }: ModelCard) => weights !== null },
    { label: advanced.ownWeights, has: () => true },
  ];
  let left = models();
  for (const { label, has } of groups) {
    const group = document.createElement("optgroup");
    group.label = label;
    group.append(
      ...left.filter(has).map(({ title, id, ...card }) => new Option(title, id, card.default, card.default)),
    );
    left = left.filter((card) => !has(card));
    select.append(group);
  }
}
