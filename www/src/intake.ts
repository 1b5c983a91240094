import { droppedFiles } from "./dropped";

/** Whether a file holds weights, by its name. */
export function isWeights({ name }: File): boolean {
  return /\.(safetensors|pth|pt|ckpt)$/i.test(name);
}

/** Where files come in: the picker, a drop anywhere, a paste; one or several. */
export interface Intake {
  readonly button: HTMLButtonElement;
  readonly input: HTMLInputElement;
  /** Shown while a file is dragged over the page. */
  readonly overlay: HTMLElement;
  readonly onFiles: (files: readonly File[]) => void;
  /** Something was dropped that is not a file. */
  readonly onNothing: () => void;
}

/** Starts listening. */
export function initIntake(intake: Intake): void {
  initPicker(intake.button, intake.input, intake.onFiles);
  initDrop(intake);
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) intake.onFiles(files);
  });
}

/** Makes `button` open the file dialog of `input`. */
export function initPicker(
  button: HTMLButtonElement,
  input: HTMLInputElement,
  onFiles: (files: readonly File[]) => void,
): void {
  button.addEventListener("click", () => {
    input.click();
  });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // So that picking the same file again is a change, too.
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
}

function initDrop({ overlay, onFiles, onNothing }: Intake): void {
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
  const give = async (dropped: Promise<File[]>) => {
    const files = await dropped.catch(() => []);
    if (files.length > 0) onFiles(files);
    else onNothing();
  };
  addEventListener("drop", (event) => {
    event.preventDefault();
    setDepth(0);
    if (event.dataTransfer) void give(droppedFiles(event.dataTransfer));
  });
}
