import "./styles/base.css";
import "./styles/stage.css";
import "./styles/panel.css";
import type { DeviceChoice } from "unnoise";
import { App } from "./app";
import { byId } from "./dom";
import { initIntake, initPicker } from "./intake";
import { Panel } from "./panel";
import { Stage } from "./stage";
import { initTheme } from "./theme";

const panel = new Panel();
const app = new App(new Stage(), panel);
const on = (element: HTMLElement, type: "click" | "input" | "change", action: () => unknown) => {
  element.addEventListener(type, () => {
    void action();
  });
};
const strength = () => panel.strength.valueAsNumber / 100;

initTheme(byId("theme", HTMLButtonElement));
initIntake({
  button: byId("open", HTMLButtonElement),
  input: byId("file", HTMLInputElement),
  overlay: byId("drop", HTMLElement),
  onFile: (file) => {
    void app.open(file);
  },
  onNothing: () => {
    panel.alert("What was dropped is not a file. Save the picture first, then drop its file.");
  },
});

on(panel.denoise, "click", () => app.denoise());
on(panel.cancel, "click", () => {
  app.cancel();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") app.cancel();
});
on(panel.strength, "input", () => {
  app.setStrength(strength());
});
on(panel.download, "click", () => app.download(strength()));

on(panel.device, "change", async () => {
  const chosen = await app.choose({ device: panel.device.value as DeviceChoice });
  if (!chosen) panel.device.value = app.device;
});
on(panel.model, "change", async () => {
  const before = app.model;
  if (!(await app.choose({ model: panel.model.value, weights: undefined }))) {
    panel.model.value = before;
  }
  panel.showWeights(app.weightsName);
});
initPicker(panel.weightsOpen, panel.weightsFile, (file) => void useWeights(file));
on(panel.weightsReset, "click", () => useWeights(undefined));

async function useWeights(file: File | undefined): Promise<void> {
  await app.choose({ weights: file });
  panel.showWeights(app.weightsName);
}

void app.start("./sample.png");
