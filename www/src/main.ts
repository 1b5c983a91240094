import "./styles/base.css";
import "./styles/stage.css";
import "./styles/panel.css";
import type { AdaptMode, DeviceChoice } from "unnoise";
import { App } from "./app";
import { byId } from "./dom";
import { initIntake, initPicker, isWeights } from "./intake";
import { LearnPanel } from "./learn-panel";
import { Panel } from "./panel";
import { Stage } from "./stage";
import { initTheme } from "./theme";

const panel = new Panel();
const learnPanel = new LearnPanel();
const app = new App(new Stage(), panel, learnPanel);
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
    void (isWeights(file) ? app.useWeights(file) : app.open(file));
  },
  onNothing: () => {
    panel.alert("What was dropped is not a file. Save the picture first, then drop its file.");
  },
});

on(panel.denoise, "click", () => app.denoise(panel.adapt.value as AdaptMode));
on(panel.denoiseAll, "click", () => app.denoiseAll(panel.adapt.value as AdaptMode));
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
on(panel.forget, "click", () => app.forget());
on(panel.adapt, "change", () => app.remember());
on(panel.page, "input", () => {
  panel.showPage(panel.page.valueAsNumber - 1);
});
on(panel.page, "change", () => app.turnTo(panel.page.valueAsNumber - 1));

on(learnPanel.start, "click", () => app.learn());
on(learnPanel.stop, "click", () => {
  app.stopLearning();
});
on(learnPanel.cancel, "click", () => {
  app.cancel();
});
on(learnPanel.revert, "click", () => app.revert());
on(learnPanel.download, "click", () => {
  app.downloadWeights();
});

on(panel.device, "change", async () => {
  const chosen = await app.chooseDevice(panel.device.value as DeviceChoice);
  if (!chosen) panel.device.value = app.device;
});
on(panel.model, "change", () => app.chooseModel(panel.model.value));
initPicker(panel.weightsOpen, panel.weightsFile, (file) => void app.useWeights(file));
on(panel.weightsReset, "click", () => app.useShipped());

void app.start("./sample.png");
