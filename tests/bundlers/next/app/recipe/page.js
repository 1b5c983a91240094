"use client";

import { useEffect, useRef, useState } from "react";
import { Denoiser } from "unnoise";

function useDenoiser(options) {
  const denoiser = useRef(undefined);
  const running = useRef(undefined);
  const [state, setState] = useState({});

  async function denoise(photo) {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const { signal } = controller;
    // What an earlier run still has to say is of no interest any more.
    const tell = (next) => running.current === controller && setState(next);
    const onProgress = ({ fraction }) => tell({ fraction });
    tell({ fraction: 0 });
    try {
      // One that did not start is not kept: the next try starts another.
      denoiser.current ??= Denoiser.create(options).catch((error) => {
        denoiser.current = undefined;
        throw error;
      });
      const result = await (await denoiser.current).denoise(photo, { signal, onProgress });
      const href = URL.createObjectURL(await result.blob());
      result.dispose();
      if (running.current === controller) setState({ href });
      else URL.revokeObjectURL(href);
    } catch (error) {
      const again = () => denoise(photo);
      tell(error.code === "canceled" ? {} : { message: error.message, again });
    }
  }

  useEffect(() => {
    return () => {
      running.current?.abort();
      running.current = undefined;
      denoiser.current?.then((it) => it.dispose()).catch(() => undefined);
      denoiser.current = undefined;
    };
  }, []);
  const { href } = state;
  useEffect(() => () => href && URL.revokeObjectURL(href), [href]);

  return { ...state, denoise, cancel: () => running.current?.abort() };
}

export default function CleanPhoto() {
  const { denoise, cancel, fraction, href, message, again } = useDenoiser();
  return (
    <>
      <input id="photo" type="file" aria-label="Photo" onChange={({ target }) => denoise(target.files[0])} />
      {fraction !== undefined && <progress value={fraction} />}
      {fraction !== undefined && <button onClick={cancel}>Cancel</button>}
      {message && <p role="alert">{message}</p>}
      {again && <button onClick={again}>Try again</button>}
      <img id="clean" alt="Clean photo" src={href} />
    </>
  );
}
