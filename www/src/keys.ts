/** What keys do, by their names. */
export type Keys = Readonly<Partial<Record<string, () => void>>>;

/** Listens to keys that are pressed on an element itself, and on none within; those of the browser stay its own. */
export function onKeys(element: HTMLElement, keys: () => Keys): void {
  element.addEventListener("keydown", (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = keys()[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
