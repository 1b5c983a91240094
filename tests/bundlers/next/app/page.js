"use client";

import { useEffect, useRef, useState } from "react";
import { Denoiser } from "unnoise";

export default function Page() {
  const [status, setStatus] = useState("");
  const [href, setHref] = useState();
  const denoiser = useRef(undefined);

  // The server renders this page too, which has no Worker: what uses it belongs into effects and handlers.
  useEffect(() => setStatus("Ready"), []);

  async function denoise({ target }) {
    try {
      denoiser.current ??= await Denoiser.create();
      const result = await denoiser.current.denoise(target.files[0]);
      setHref(URL.createObjectURL(await result.blob()));
      setStatus(`Done on ${result.info.device}`);
    } catch (error) {
      setStatus(`${error.code}: ${error.message}`);
    }
  }

  return (
    <>
      <input id="photo" type="file" aria-label="Photo" onChange={denoise} />
      <p id="status" role="status">
        {status}
      </p>
      <a id="result" download="clean.png" href={href}>
        Clean photo
      </a>
    </>
  );
}
