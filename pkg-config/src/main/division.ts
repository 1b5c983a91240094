/** How a photo is divided among tiles and workers, so that it fits into the memory there is. */
import { UnnoiseError } from "../shared/errors.js";
import type { RunPlan } from "../shared/contract.js";

/** How often tiles are made smaller before all but one worker are done without. */
const CUTS = 4;
/** Part of their pixels that smaller tiles have. */
const CUT = 1 / 2;
/** What a tile has beside its overlaps, at least, pixels per side: the size grid of any network fits into it. */
const CORE = 128;

/** How a photo is divided, beside what the caller asked for. */
export interface Division {
  /** Input pixels of a tile, at most, when that is not the caller's or the network's. */
  readonly tile: number | undefined;
  /** How often tiles were made smaller. */
  readonly cuts: number;
  /** Whether one worker does all of it. */
  readonly alone: boolean;
}

/** As the caller asked for. */
export const UNDIVIDED: Division = { tile: undefined, cuts: 0, alone: false };

/** The memory of a worker did not grow, in a run of this plan. */
export class MemoryShort extends UnnoiseError {
  readonly plan: RunPlan;

  constructor(cause: unknown, plan: RunPlan) {
    const { code, message } = UnnoiseError.from(cause);
    super(code, message, { cause });
    this.plan = plan;
  }
}

/** A division that takes less memory: smaller tiles, then one worker; nothing where there is nothing left to do without. */
export function lighter(
  division: Division,
  { tileWidth, tileHeight, overlap }: RunPlan,
): Division | undefined {
  const tile = Math.floor(tileWidth * tileHeight * CUT);
  if (division.cuts < CUTS && tile >= (2 * overlap + CORE) ** 2) {
    return { ...division, tile, cuts: division.cuts + 1 };
  }
  return division.alone ? undefined : { ...division, alone: true };
}

/** What is to be known of a result that was divided so. */
export function noteOf({ cuts, alone }: Division): string | undefined {
  if (cuts === 0 && !alone) return undefined;
  return `memory was short: done ${alone ? "by one worker" : "in smaller tiles"}`;
}
