/** The page of a stranger, with `Denoiser` from wherever it is loaded: a photo in, a clean one out. */
export function start(Denoiser) {
  const status = document.querySelector("#status");
  const link = document.querySelector("#result");
  let denoiser;

  document.querySelector("#photo").addEventListener("change", async ({ target }) => {
    try {
      denoiser ??= await Denoiser.create();
      const result = await denoiser.denoise(target.files[0]);
      link.href = URL.createObjectURL(await result.blob());
      status.textContent = `Done on ${result.info.device}`;
    } catch (error) {
      status.textContent = `${error.code}: ${error.message}`;
    }
  });

  status.textContent = "Ready";
}
