/** Whether a file holds weights, by its name. */
export function isWeights({ name }: File): boolean {
  return /\.(safetensors|pth|pt|ckpt)$/i.test(name);
}

/** Where files come in: the picker, a drop anywhere, a paste. */
export interface Intake {
  readonly button: HTMLButtonElement;
  readonly input: HTMLInputElement;
  /** Shown while a file is dragged over the page. */
  readonly overlay: HTMLElement;
  readonly onFile: (file: File) => void;
  /** Something was dropped that is not a file. */
  readonly onNothing: () => void;
}

/** Starts listening. */
export function initIntake(intake: Intake): void {
  initPicker(intake.button, intake.input, (file) => {
    intake.onFile(file);
  });
  initDrop(intake);
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) intake.onFile(file);
  });
}

/** Makes `button` open the file dialog of `input`. */
export function initPicker(
  button: HTMLButtonElement,
  input: HTMLInputElement,
  onFile: (file: File) => void,
): void {
  button.addEventListener("click", () => {
    input.click();
  });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // So that picking the same file again is a change, too.
    input.value = "";
    if (file) onFile(file);
  });
}

function initDrop({ overlay, onFile, onNothing }: Intake): void {
  // Enter and leave fire for every element passed over; the page is left when as many were left as entered.
  let depth = 0;
  const setDepth = (value: number) => {
    depth = Math.max(0, value);
    overlay.classList.toggle("is-active", depth > 0);
  };
  addEventListener("dragenter", (event) => {
    event.preventDefault();
    setDepth(depth + 1);
  });
  addEventListener("dragleave", () => {
    setDepth(depth - 1);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    setDepth(0);
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
    else onNothing();
  });
}
