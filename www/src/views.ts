import type { AdvancedPanel } from "./advanced-panel";
import type { LearnPanel } from "./learn-panel";
import type { NoisePanel } from "./noise-panel";
import type { Panel } from "./panel";
import type { ResultPanel } from "./result-panel";
import type { SavePanel } from "./save-panel";
import type { Stage } from "./stage";

/** All that shows things. */
export interface Views {
  readonly stage: Stage;
  readonly panel: Panel;
  readonly result: ResultPanel;
  readonly save: SavePanel;
  readonly advanced: AdvancedPanel;
  readonly learn: LearnPanel;
  readonly noise: NoisePanel;
}
