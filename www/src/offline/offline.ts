import { byId } from "../dom";
import type { Note } from "./note";

/** Makes the page work without a network from now on, and tells when there is a new version. */
export async function initOffline(): Promise<void> {
  const { serviceWorker } = navigator as { serviceWorker?: ServiceWorkerContainer };
  if (!import.meta.env.PROD || !serviceWorker) return;
  const hadController = serviceWorker.controller !== null;
  try {
    const registration = await serviceWorker.register("./service-worker.js");
    onWaiting(registration, () => {
      // On the first visit there is no other version that could be replaced.
      if (hadController) offerUpdate(registration);
    });
    const { active } = await serviceWorker.ready;
    active?.postMessage("keep engine" satisfies Note);
  } catch {
    // Refused here, as in private windows of some browsers: the page works as long as there is a network.
  }
}

function onWaiting(registration: ServiceWorkerRegistration, found: () => void): void {
  if (registration.waiting) found();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => {
      if (installing.state === "installed") found();
    });
  });
}

function offerUpdate(registration: ServiceWorkerRegistration): void {
  byId("update", HTMLElement).hidden = false;
  byId("update-reload", HTMLButtonElement).addEventListener("click", () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      location.reload();
    });
    registration.waiting?.postMessage("take over" satisfies Note);
  });
}
