"use client";

import { useEffect, useRef, useState } from "react";
import { Denoiser } from "unnoise";

export default function CleanPhoto() {
  const denoiser = useRef(undefined);
  const [href, setHref] = useState();

  useEffect(() => () => void denoiser.current?.then((it) => it.dispose()), []);

  async function denoise({ target }) {
    denoiser.current ??= Denoiser.create();
    const result = await (await denoiser.current).denoise(target.files[0]);
    setHref(URL.createObjectURL(await result.blob()));
    result.dispose();
  }

  return (
    <>
      <input id="photo" type="file" aria-label="Photo" onChange={denoise} />
      <img id="clean" alt="Clean photo" src={href} />
    </>
  );
}
