import type { DenoiseResult, Device, ModelCard } from "unnoise";

/** Megapixels up to which `auto` averages two passes, as the engine does. */
const SMALL = 1;
const STORED = "speed";

/** A run that is to be foreseen. */
export interface Plan {
  readonly card: ModelCard;
  /** What is asked for: an `AdaptMode`, or what an earlier run was. */
  readonly adapt: string;
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
    const work = (card.macPerPixel * passes(info.adapt, 0) * width * height) / scale ** 2 / 1e12;
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
    const work = (card.macPerPixel * passes(adapt, (width * height) / 1e6) * width * height) / 1e12;
    const tiles = Math.ceil((width * height) / card.tilePixels);
    const workers = device === "webgpu" ? 1 : Math.min(tiles, navigator.hardwareConcurrency);
    return (rate * work) / workers;
  }
}

/** How often a network is run for each pixel. */
function passes(adapt: string, megapixels: number): number {
  const steps = adapt.split("+");
  const mean = steps.map((step) => /^x(\d)$/.exec(step)?.[1]).find(Boolean);
  const auto = adapt === "auto" && megapixels <= SMALL ? 2 : 1;
  const more =
    Number(steps.includes("second-pass")) + Number(steps.includes("detail")) + (steps.includes("r3") ? 9 : 0);
  return auto * Number(mean ?? 1) * (1 + more);
}

function stored(): Partial<Record<Device, number>> {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Record<Device, number>>;
  } catch {
    return {};
  }
}
