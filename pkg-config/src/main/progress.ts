import type { Progress, Step } from "../shared/types.js";

/** What a download of unknown size is taken to be at least, bytes. */
const USUAL = 4e6;

/**
 * Tells a caller of the steps of one call, with how much of the whole is done. That never falls: not when a size turns out
 * to be another one, nor when a worker is lost.
 */
export function tellSteps(
  onProgress: ((progress: Progress) => void) | undefined,
): ((step: Step) => void) | undefined {
  if (!onProgress) return undefined;
  const loaded = { engine: 0, weights: 0 };
  let fraction = 0;
  const share = (step: Step) => {
    if (step.phase === "restart") return fraction;
    if (step.phase === "tiles") return step.estimated / step.total;
    const total = step.total ?? step.loaded + USUAL;
    loaded[step.phase] = total > 0 ? Math.min(1, step.loaded / total) : 1;
    return (loaded.engine + loaded.weights) / 2;
  };
  return (step) => {
    fraction = Math.max(fraction, share(step));
    onProgress({ ...step, fraction });
  };
}
