import { byId } from "../dom";
import { text } from "../strings";
import { hasFolders } from "./deliver";
import type { Item, Queue, State } from "./queue";

/** The list of several photos. */
export class QueuePanel {
  readonly cancelAll = byId("queue-cancel", HTMLButtonElement);
  readonly zip = byId("queue-zip", HTMLButtonElement);
  readonly folder = byId("queue-folder", HTMLButtonElement);
  readonly scene = byId("queue-scene-learn", HTMLButtonElement);
  readonly close = byId("queue-close", HTMLButtonElement);
  readonly #list = byId("queue-list", HTMLElement);
  readonly #rows = new Map<Item, { readonly row: HTMLElement; readonly show: (state: State) => void }>();
  readonly #onCancel: (item: Item) => void;

  constructor(onCancel: (item: Item) => void) {
    this.#onCancel = onCancel;
    this.folder.hidden = !hasFolders;
  }

  /** Shows all photos and how far they are; in place of the single photo, while there are any. */
  show({ items, files, busy }: Queue): void {
    byId("queue", HTMLElement).hidden = items.length === 0;
    for (const id of ["single", "learn"]) byId(id, HTMLElement).hidden = items.length > 0;
    byId("queue-heading", HTMLElement).textContent = text.queue.heading(files.length, items.length);
    this.cancelAll.hidden = !busy;
    for (const button of [this.zip, this.folder]) button.disabled = busy || files.length === 0;
    if (items.length === 0) this.#rows.clear();
    for (const item of items) {
      if (!this.#rows.has(item)) this.#rows.set(item, this.#row(item));
      this.#rows.get(item)?.show(item.state);
    }
    const rows = [...this.#rows.values()].map(({ row }) => row);
    if (this.#list.childElementCount !== rows.length) this.#list.replaceChildren(...rows);
  }

  /** Offers to learn from so many shots of one scene, where there are at least two. */
  showScene(shots: number): void {
    byId("queue-scene", HTMLElement).hidden = shots < 2;
    byId("queue-scene-about", HTMLElement).textContent = text.queue.scene(shots);
  }

  #row(item: Item): { row: HTMLElement; show: (state: State) => void } {
    const row = document.createElement("li");
    const [name, state, cancel] = [
      document.createElement("span"),
      document.createElement("span"),
      document.createElement("button"),
    ];
    name.className = "photo-name";
    name.textContent = item.photo.name;
    state.className = "muted small";
    Object.assign(cancel, { type: "button", className: "text-button", textContent: text.run.cancel });
    cancel.ariaLabel = text.queue.cancelOne(item.photo.name);
    cancel.addEventListener("click", () => {
      this.#onCancel(item);
    });
    row.append(name, state, cancel);
    const show = (now: State) => {
      state.textContent = worded(now);
      row.dataset.state = now.kind;
      cancel.hidden = now.kind !== "waiting" && now.kind !== "running";
    };
    return { row, show };
  }
}

function worded(state: State): string {
  if (state.kind === "running") return text.queue.running(Math.round(100 * state.share));
  return state.kind === "failed" ? text.queue.failed(state.why) : text.queue[state.kind];
}
