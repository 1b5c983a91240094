import type { Device } from "unnoise";
import { byId } from "../dom";
import type { Artifact, Note } from "./note";

/** A module whose one function multiplies and adds by relaxed SIMD, as the package asks for it. */
const RELAXED_SIMD = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  [0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b],
  [0x03, 0x02, 0x01, 0x00],
  [0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b],
].flat();

/** Makes the page work without a network from now on, on the device in use, and tells when there is a new version. */
export async function initOffline(device: Device | undefined): Promise<void> {
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
    if (device) active?.postMessage({ keep: artifactFor(device) } satisfies Note);
  } catch {
    // Refused here, as in private windows of some browsers: the page works as long as there is a network.
  }
}

function artifactFor(device: Device): Artifact {
  if (device !== "flex") return "full";
  return WebAssembly.validate(Uint8Array.from(RELAXED_SIMD)) ? "relaxed" : "cpu";
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
