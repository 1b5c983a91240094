import "./trusted";
import "./styles/base.css";
import "./styles/stage.css";
import "./styles/panel.css";
import { AdvancedPanel } from "./advanced-panel";
import { App } from "./app";
import { byId } from "./dom";
import { initIntake, initPicker, isWeights } from "./intake";
import { LearnPanel } from "./learn-panel";
import { initOffline } from "./offline/offline";
import { NoisePanel } from "./noise-panel";
import { Panel } from "./panel";
import { PURPOSES } from "./purposes";
import { Batch } from "./queue/batch";
import { ResultPanel } from "./result-panel";
import { SavePanel } from "./save-panel";
import { canShare } from "./saving/delivery";
import { Stage } from "./stage";
import { initLanguage, text, translate } from "./strings";
import { initTheme } from "./theme";

translate(document, text.title);
initTheme(byId("theme", HTMLButtonElement));
initLanguage(byId("language", HTMLSelectElement));

const [stage, panel, result] = [new Stage(), new Panel(), new ResultPanel()];
const [save, advanced, learn] = [new SavePanel(), new AdvancedPanel(), new LearnPanel()];
const noise = new NoisePanel();
const app = new App({ stage, panel, result, save, advanced, learn, noise });
const { tasks, networks } = app;
const batch = new Batch({
  ...{ stage, panel, advanced, save, tasks, networks },
  onClose: () => app.showAgain(),
  onScene: (photos) => app.learnScene(photos),
});

const on = (element: HTMLElement, type: "click" | "input" | "change", action: () => unknown) => {
  element.addEventListener(type, () => {
    void action();
  });
};
const cancel = () => {
  app.cancel();
  batch.cancel();
};

/** One file is a photo to look at, or weights; several are a list. */
function take(files: readonly File[]): unknown {
  const weights = files.find(isWeights);
  if (weights) return networks.useWeights(weights);
  const [first, ...others] = files;
  if (batch.open || others.length > 0) return app.queue(() => batch.add(files));
  return first && app.open(first);
}

initIntake({
  button: byId("open", HTMLButtonElement),
  input: byId("file", HTMLInputElement),
  overlay: byId("drop", HTMLElement),
  onFiles: take,
  onNothing: () => {
    panel.alert(text.photo.notAFile);
  },
});

on(panel.denoise, "click", () => app.denoise());
on(panel.denoiseAll, "click", () => app.denoiseAll());
on(panel.smaller, "click", () => app.makeSmaller());
on(panel.cancel, "click", cancel);
on(panel.forget, "click", () => app.forget());
on(panel.page, "input", () => {
  panel.showPage(panel.page.valueAsNumber - 1);
});
on(panel.page, "change", () => app.turnTo(panel.page.valueAsNumber - 1));

result.listen({
  mix: (mix, done) => {
    app.comparison.setMix(mix, done);
  },
  select: (number) => void app.comparison.select(number),
  compare: (number) => void app.comparison.compareWith(number),
  undo: () => void app.comparison.undo(),
  redo: () => void app.comparison.redo(),
});
on(save.save, "click", () => app.save());
on(save.copy, "click", () => app.delivery.copy());
on(save.share, "click", () => app.delivery.share());
save.share.hidden = !canShare();

on(learn.start, "click", () => app.tuning.learn());
on(learn.stop, "click", () => {
  app.tuning.stop();
});
on(learn.cancel, "click", cancel);
on(learn.use, "click", () => app.tuning.useLearned());
on(learn.useFound, "click", () => app.tuning.useFound());
on(learn.revert, "click", () => app.tuning.revert());
on(learn.download, "click", () => {
  app.downloadWeights();
});

noise.listen(() => void app.showNoise());
on(noise.save, "click", () => {
  app.saveNoise();
});
initPicker(noise.open, noise.file, ([file]) => {
  if (file) void file.text().then((model) => app.tuning.learn(model));
});

on(advanced.purpose, "change", () => {
  const purpose = PURPOSES.find(({ id }) => id === advanced.purpose.value);
  return purpose && networks.choosePurpose(purpose);
});
on(advanced.method, "change", () => {
  app.methodChanged();
});
on(advanced.device, "change", () => networks.chooseDevice(advanced.deviceChoice));
on(advanced.model, "change", () => networks.chooseModel(advanced.model.value));
initPicker(advanced.weightsOpen, advanced.weightsFile, take);
on(advanced.weightsReset, "click", () => networks.useShipped());

addEventListener("keydown", (event) => {
  if (event.key === "Escape") cancel();
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  void (event.shiftKey ? app.comparison.redo() : app.comparison.undo());
});

void app.start("./sample.png").then(() => initOffline(app.deviceInUse));
