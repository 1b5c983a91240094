/** What is typed into. */
const TYPED_INTO = "input:not([type=range]), select, textarea";

/** Tells while `button` is pressed, by pointer or keyboard, or the key O is down. */
export function initHold(button: HTMLButtonElement, onHold: (held: boolean) => void): void {
  const set = (held: boolean) => {
    button.ariaPressed = String(held);
    onHold(held);
  };
  set(false);
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    set(true);
  });
  // A finger that rests must not open the menu of the browser.
  button.addEventListener("contextmenu", (event) => {
    event.preventDefault();
  });
  for (const type of ["pointerup", "pointercancel", "blur"]) {
    button.addEventListener(type, () => {
      set(false);
    });
  }
  const isHold = ({ key, target }: KeyboardEvent) =>
    target === button ? key === " " || key === "Enter" : key.toLowerCase() === "o";
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED_INTO);
    if (event.ctrlKey || event.metaKey || event.altKey || typing || !isHold(event)) return;
    event.preventDefault();
    set(true);
  });
  addEventListener("keyup", (event) => {
    if (isHold(event)) set(false);
  });
}
