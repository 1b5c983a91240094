import type { Adapt, AdaptMode, DenoiseResult, Device, ModelCard } from "unnoise";

/** Megapixels up to which `auto` averages two passes, as the engine does. */
const SMALL = 1;
const STORED = "speed";

/** A run that is to be foreseen. */
export interface Plan {
  readonly card: ModelCard;
  readonly adapt: AdaptMode;
  readonly width: number;
  readonly height: number;
  readonly device: Device;
}

/** How fast this machine is, learned from the runs it has done; remembered for the next visit. */
export class Speed {
  /** Seconds for 10^12 multiplications on one worker, by device. */
  readonly #rates: Partial<Record<Device, number>> = stored();

  /** Learns from a run. */
  learn({ info, width, height, scale }: DenoiseResult, card: ModelCard): void {
    const work = (card.macPerPixel * done(info.adaptation) * width * height) / scale ** 2 / 1e12;
    this.#rates[info.device] = (info.seconds * info.workers) / work;
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#rates));
    } catch {
      // Storage is denied here: it is learned anew at the next visit.
    }
  }

  /** Seconds that a run will take, once something is known. */
  foresee({ card, adapt, width, height, device }: Plan): number | undefined {
    const rate = this.#rates[device];
    if (rate === undefined) return undefined;
    const work = (card.macPerPixel * foreseen(adapt, card, (width * height) / 1e6) * width * height) / 1e12;
    const tiles = Math.ceil((width * height) / card.tilePixels);
    const workers = device === "webgpu" ? 1 : Math.min(tiles, navigator.hardwareConcurrency);
    return (rate * work) / workers;
  }
}

/** How often the network is run for each pixel of a photo, by how that is asked for. */
const MODES: Record<Exclude<AdaptMode, "auto" | "shared">, number> = {
  plain: 1,
  wiener: 1,
  x2: 2,
  x8: 8,
  pd2: 1,
  pd3: 1,
  pd4: 1,
  pd5: 1,
  r3: 10,
};

function foreseen(mode: AdaptMode, { adapt, scale }: ModelCard, megapixels: number): number {
  if (mode !== "auto" && mode !== "shared") return MODES[mode];
  const small = megapixels * scale ** 2 <= SMALL;
  if (!adapt) return small ? 2 : 1;
  return done(small ? adapt : { ...adapt, selfEnsemble: 1 });
}

/** How often it was run. */
function done({ refinements, secondPass, detail, selfEnsemble }: Adapt): number {
  const [first, second] = secondPass ? [1, selfEnsemble] : [selfEnsemble, 0];
  return first + second + refinements + (detail === null ? 0 : 1);
}

function stored(): Partial<Record<Device, number>> {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Record<Device, number>>;
  } catch {
    return {};
  }
}
