import { UnnoiseError } from "unnoise";
import type { Activity, Panel } from "./panel";
import { text } from "./strings";

/** What is said when something begins that takes a while. */
const BEGINNINGS = { starting: text.run.starting, running: text.run.preparing, learning: "" };

/** What takes a while: one thing at a time, told to those who show it. */
export class Tasks {
  readonly #panel: Panel;
  readonly #shows: readonly { setActivity(activity: Activity): void }[];
  #activity: Activity = "idle";
  #attempts = 0;

  constructor(panel: Panel, shows: readonly { setActivity(activity: Activity): void }[]) {
    this.#panel = panel;
    this.#shows = shows;
  }

  get activity(): Activity {
    return this.#activity;
  }

  /** Does something that takes a while, and says so; tells whether it succeeded. */
  async attempt(activity: Exclude<Activity, "idle">, task: () => Promise<void>): Promise<boolean> {
    const attempt = ++this.#attempts;
    this.#set(activity);
    this.#panel.clearAlert();
    this.#panel.setStatus(BEGINNINGS[activity]);
    try {
      await task();
      return true;
    } catch (thrown) {
      const canceled = isCancel(thrown);
      this.#panel.setStatus(canceled ? text.run.canceled : "");
      if (!canceled) this.#panel.alert(sentence(thrown));
      return false;
    } finally {
      // A run may have been asked for while the engine was starting.
      if (attempt === this.#attempts) this.#set("idle");
    }
  }

  #set(activity: Activity): void {
    this.#activity = activity;
    for (const one of this.#shows) one.setActivity(activity);
  }
}

/** Whether it was given up on purpose. */
export function isCancel(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}

/** The message of an error, as a sentence. */
export function sentence(thrown: unknown): string {
  const { message } = UnnoiseError.from(thrown);
  return /[.!?]$/.test(message) ? message : `${message}.`;
}
