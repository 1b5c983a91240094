const steps = (count: number) => (count === 1 ? "1 step" : `${count} steps`);

/** Every word of the page, in English. A key ends with what it is where the same words serve two purposes. */
export const en = {
  title: "unnoise: remove noise from a photo, in the browser",
  heading: "unnoise: remove noise from a photo",
  noscript: "This page denoises with WebAssembly and needs JavaScript.",

  stage: {
    photo: "Photo",
    movable: "Photo, movable",
    help: "Arrow keys move the photo, plus and minus zoom, 0 fits it, 1, 2 and 4 show it at 100, 200 and 400 percent. Hold O to see the original.",
    boundary: "Boundary between noisy and denoised",
    boundaryAt: (noisy: number) => `${noisy} % noisy, ${100 - noisy} % denoised`,
    original: "Original",
    denoised: "Denoised",
    removed: "Removed noise, amplified",
    dismiss: "Dismiss message",
    drop: "Drop photos, or weights",
  },

  view: {
    toolbar: "View",
    split: "Slider",
    side: "Side by side",
    noise: "Removed noise",
    hold: "Hold to see the original",
  },

  zoom: {
    toolbar: "Zoom",
    in: "Zoom in",
    out: "Zoom out",
    level: "Zoom level",
    fit: "Fit",
  },

  photo: {
    section: "The photo",
    sample: "Sample photo",
    open: "Open photo…",
    hint: "Or drop photos anywhere, or paste one: PNG, JPEG, WebP, TIFF, BMP, GIF.",
    page: "Page",
    pageOf: (page: string, pages: string) => `${page} of ${pages}`,
    denoiseAll: "Denoise all pages",
    kept: "Kept in this browser for a reload, nowhere else.",
    forget: "Delete all",
    forgotten: "Nothing is kept any more.",
    pixels: (count: string) => `${count} pixels`,
    float: "32-bit float",
    bits: (depth: number) => `${depth} bit`,
    opening: (name: string) => `Opening ${name}…`,
    reading: "Reading all of the photo…",
    notOpened: (name: string, why: string) => `${name} was not opened: ${why}`,
    notAFile: "What was dropped is not a file. Save the picture first, then drop its file.",
    back: (name: string) => `${name} is back, from before the page was left.`,
    dropped:
      "What was kept from before cannot be used: it is damaged, or of another version of this page. It was deleted.",
    backUntuned: "The tuning that was under way did not come to its end: start it again.",
    backTuned: "The tuning did not come to its end; what was learned until then can be used below.",
  },

  purpose: {
    label: "What is it?",
    photo: { title: "Photo", about: "Any photo from a phone or camera. Its noise decides the method." },
    thorough: {
      title: "Photo, thorough",
      about: "The large network: a little better, about three times slower.",
    },
    scan: { title: "Scan or screenshot", about: "One plain pass: thin lines and letters stay sharp." },
    micrograph: {
      title: "Micrograph",
      about: "Takes away no more than the noise explains, so that faint structure stays.",
    },
    enlarge2: { title: "Small photo: enlarge 2×", about: "Removes blur and noise, and doubles both sides." },
    enlarge3: { title: "Small photo: enlarge 3×", about: "Removes blur and noise, and triples both sides." },
    enlarge4: {
      title: "Small photo: enlarge 4×",
      about: "Removes blur and noise, and makes both sides four times as long.",
    },
    custom: { title: "As set under Advanced", about: "Network and method were chosen under Advanced." },
    option: (title: string, time: string) => `${title} · about ${time}`,
    takes: (time: string) => `About ${time} for this photo on this machine.`,
    becomes: (width: number, height: number) => `The new size is ${width} × ${height}.`,
  },

  run: {
    section: "Run",
    denoise: "Denoise",
    cancel: "Cancel",
    progress: "Progress",
    starting: "Starting the engine…",
    preparing: "Preparing…",
    canceled: "Canceled.",
    finishing: "Finishing…",
    previewing: "Denoising the part in view…",
    previewed: (time: string) =>
      `The part in view is denoised. The whole photo takes about ${time}: press Denoise.`,
    switching: (reason: string) => `${reason} Going on with another one…`,
    loading: (what: "engine" | "weights", loaded: string, total: string | undefined) =>
      `Loading the ${what === "engine" ? "engine" : "network"}: ${loaded}${total ? ` of ${total}` : ""}`,
    tile: (tile: number, tiles: number) => `Part ${tile} of ${tiles}`,
    page: (page: number, pages: number) => `Page ${page} of ${pages}`,
    pageTile: (tile: number, tiles: number) => `, part ${tile} of ${tiles}`,
    left: (time: string) => ` · about ${time} left`,
    done: (time: string, device: string, rate: string) =>
      `Done in ${time} · ${device} · ${rate} per megapixel`,
    enlarged: (width: number, height: number) => ` · enlarged to ${width} × ${height}`,
    donePages: (time: string, pages: number) => `Done in ${time}: ${pages} pages, in one file`,
    noWeights: (network: string) =>
      `${network} comes without weights. Choose a file under Advanced, or tune it to this photo from scratch.`,
  },

  memory: {
    about: (need: string) =>
      `Denoising all of this photo takes about ${need} of memory, which may be more than this device has. Make it smaller, without what the camera wrote into the file, or press Denoise to try it as it is.`,
    smaller: (width: number, height: number) => `Make it ${width} × ${height}`,
  },

  result: {
    section: "Result",
    strength: "Strength",
    detail: "Detail given back",
    colour: "Colour noise removed",
    undo: "Undo",
    redo: "Redo",
    results: "Results",
    compare: "Compare with",
    number: (number: number) => `Result ${number}`,
  },

  noise: {
    hardly: "hardly any",
    light: "light",
    moderate: "moderate",
    strong: "strong",
    veryStrong: "very strong",
    found: (word: string, value: string) => `Noise: ${word} (${value})`,
    inUnits: (value: string) => `${value} in the units of the file`,
    blotchy: ", blotchy as from a camera",
    plain: "one pass",
    pd: (pixels: string) => `every ${pixels} pixels apart (PD ${pixels})`,
    r3: "random replacement (R3)",
    secondPass: "second pass",
    detail: "detail kept",
    wiener: "limited to the noise (Wiener)",
    mean: (passes: string) => `averaged over ${passes} passes`,
    method: (steps: string) => `Method: ${steps}.`,
    details: "What the noise is like",
    measuring: "Measuring the noise…",
    strength: "Strength of the noise by brightness",
    axes: "Strength of the noise (up) by brightness (to the right), both in levels of 255.",
    strengthAt: (dark: string, middle: string, bright: string) =>
      `About ${dark} levels where it is dark, ${middle} in between, ${bright} where it is bright.`,
    channels: { gray: "Gray", red: "Red", green: "Green", blue: "Blue" },
    spectrum: "Spectrum of the noise",
    spectrumAbout:
      "In the picture, coarse noise lies in the middle and fine noise at the border; brighter is more.",
    white: "Different from pixel to pixel: fine and coarse noise are equally strong.",
    coarse: (correlation: string) =>
      `Spread over neighbouring pixels, which resemble each other (correlation ${correlation}): coarse noise is stronger.`,
    fine: "Neighbouring pixels differ more than by chance: fine noise is stronger.",
    sameColours: "It is the same in all colours.",
    ofPhoto: "The photo",
    simulated: "Simulated",
    patch: "A flat part of the photo, three times as large",
    patchSimulated: "The same part with simulated noise, three times as large",
    patchesAbout:
      "A flat part of the photo beside simulated noise. The more alike they look, the better tuning can learn it.",
    photons: "It comes from single photons, of which few were counted.",
    impulses: (percent: string) => `${percent} % of the pixels have lost their value.`,
    rows: (levels: string) => `Rows are too bright or too dark by about ${levels} levels.`,
    columns: (levels: string) => `Columns are too bright or too dark by about ${levels} levels.`,
    summary: {
      none: "next to no noise",
      field: (levels: string) => `noise of about ${levels} of 255 levels`,
      stronger: { dark: "stronger where it is dark", bright: "stronger where it is bright" },
      spread: {
        pixels: "different from pixel to pixel",
        neighbours: "spread over neighbouring pixels",
        blotches: "in blotches",
        streaks: "in streaks",
      },
      sameInColors: "the same in all colours",
      impulses: (percent: string) => `${percent} % of the pixels have lost their value`,
      rows: (levels: string) => `rows are too bright or too dark by about ${levels} of 255 levels`,
      columns: (levels: string) => `columns are too bright or too dark by about ${levels} of 255 levels`,
    },
    save: "Save noise model",
    tune: "Tune by a saved one…",
    advice: (title: string, best: string) =>
      ` ${title} was trained for white noise only; ${best} knows that of cameras.`,
  },

  save: {
    save: "Save photo",
    savePages: (pages: number) => `Save TIFF, ${pages} pages`,
    saving: "Saving…",
    copy: "Copy",
    copied: "The photo is in the clipboard.",
    share: "Share…",
    options: "File options",
    format: "Format",
    quality: "Quality",
    size: "Size",
    sizeOf: (percent: number, width: number, height: number) => `${percent} % (${width} × ${height})`,
    depth: "Depth",
    ownDepth: "As the photo",
    eightBit: "8 bit",
    metadata: "Keep metadata (camera, date, place)",
    notSaved: (why: string) => `The photo was not saved: ${why}`,
    notCopied: (why: string) => `The photo was not copied: ${why}`,
    onlyWhole: "WebP is saved only at full size and with all colour noise removed.",
  },

  queue: {
    section: "Several photos",
    heading: (done: number, all: number) => `${done} of ${all} photos done`,
    waiting: "waiting",
    running: (percent: number) => `${percent} %`,
    done: "done",
    failed: (why: string) => `not done: ${why}`,
    canceled: "canceled",
    cancelOne: (name: string) => `Cancel ${name}`,
    cancelAll: "Cancel all",
    zip: "Save all as ZIP",
    folder: "Save into a folder…",
    close: "Close the list",
    scene: (shots: number) =>
      `Do these ${shots} photos show one scene, without any movement? Then the network can learn from how their noise differs.`,
    learnScene: "Learn from these photos",
    zipName: "denoised.zip",
  },

  tune: {
    title: "Tune to this photo",
    objective: "Training objective",
    budget: "Time, at most",
    seconds: (count: number) => `${count} seconds`,
    minutes: (count: number) => (count === 1 ? "1 minute" : `${count} minutes`),
    start: "Tune",
    fromScratch: "Train from scratch",
    progress: "Tuning",
    stop: "Stop and keep",
    curves: "Curves of the tuning",
    curvesOf: (count: number, fell: boolean) =>
      `Curves of loss and estimated error: ${count} checks, the error ${fell ? "fell" : "did not fall"}`,
    loss: "Training loss",
    score: "Estimated error on held-out parts (less is better)",
    revert: "Revert",
    download: "Save weights",
    begun: "Tuning has begun.",
    looking: "Denoising the photo first",
    steps,
    left: (time: string) => `about ${time} left`,
    atMost: (time: string) => `at most ${time} left`,
    found: (noise: string) => `Found: ${noise}. The network is trained to remove that.`,
    better: (count: number) => `Better after ${steps(count)}; kept.`,
    notBetterScratch: "Not better than random weights: nothing is kept.",
    notBetter: "Not clearly better: the original network is kept.",
    fell: (percent: number) => ` The estimated error fell by ${percent} %.`,
    fellUnsurely: (percent: number) =>
      ` The estimated error fell by ${percent} %, which is not enough to be sure.`,
    rose: (percent: number) => ` The estimated error rose by ${percent} %.`,
    use: "Use what was learned",
    used: "What was learned is used, because you chose it. Compare the two results.",
    interrupted: (count: number) =>
      `The last tuning did not come to its end, but the network was already better after ${steps(count)}.`,
    useFound: "Use that network",
    reverted: "Back to the original network.",
    unchanged: "The original network is kept.",
    about:
      "Trains the network a little on this photo alone, on this machine, and shows the result beside the old one. If the estimated error does not fall, the original network is kept.",
    aboutScratch: (title: string) =>
      `Trains a small ${title}, with random weights, on this photo alone, on this machine.`,
    severalPages: (pages: number) =>
      ` This file has ${pages} pages: if they show one scene, choose Noise2Noise under Advanced.`,
    severalShots: (shots: number) => ` Learns from ${shots} photos of one scene.`,
    shotsOption: " (several shots of one scene)",
    recommended: " (recommended)",
  },

  advanced: {
    title: "Advanced",
    network: "Network",
    ownWeights: "With weights of your own",
    forAny: "For any photo",
    forCamera: "For noise of cameras",
    forGrain: "For even grain",
    forEnlarging: "Enlarge",
    summary: (summary: string, noise: string) => `${summary} Trained for: ${noise}.`,
    cost: (weights: string, seconds: string | undefined) =>
      `${weights} weights${seconds ? `, about ${seconds} for this photo` : ""}.`,
    weights: "Weights",
    shipped: (size: string) => `Shipped, ${size}`,
    none: "None yet",
    useShipped: "Use shipped",
    useFile: "Use a file…",
    weightsBusy: (name: string) => `${name} was not loaded: wait until the page is done, then try again.`,
    method: "Method",
    methodAbout: "Noise of cameras spreads over neighbouring pixels; methods with PD separate these first.",
    methods: {
      auto: "Recommended method",
      shared: "Recommended, closer to one pass",
      plain: "One pass",
      wiener: "One pass, limited to the noise (Wiener)",
      x2: "Averaged over 2 passes",
      x8: "Averaged over 8 passes (slow)",
      pd2: "Every 2nd pixel (PD 2)",
      pd3: "Every 3rd pixel (PD 3)",
      pd4: "Every 4th pixel (PD 4)",
      pd5: "Every 5th pixel (PD 5)",
      r3: "PD 2, then random replacement (R3)",
    },
    device: "Runs on",
    devices: {
      auto: "Automatic",
      webgpu: "Graphics card",
      flex: "Processor",
      ndarray: "Processor (reference)",
    },
    uses: (device: string, adapter: string, reason: string) => `Uses: ${device}${adapter}. ${reason}`,
    atOnce: "Denoise as soon as a photo is opened",
  },

  page: {
    panel: "Denoising",
    dark: "Dark theme",
    privacy: "Nothing you load leaves this machine.",
    how: "How it works",
    language: "Language",
    update: "A new version is ready.",
    reload: "Reload",
  },

  how: {
    title: "How unnoise works",
    back: "Back to the photo",
    noisy: "A photo with noise",
    denoised: "Denoised by this page",
    noise: "What was taken away, twice as strong",
    whatTitle: "What happens to a photo",
    what: "The photo is read on this machine, in its own bit depth. Its noise is estimated: how strong it is, and whether it is even or blotchy as from a camera. That decides how a small neural network is run over it, part by part, until all of the photo is done. Nothing is sent anywhere.",
    kindsTitle: "What each choice is for",
    kinds:
      "Left as it was, right as it becomes. The letter and the cells were drawn, and noise added to them.",
    controlTitle: "What you can change",
    control:
      "Strength mixes the original back in. Detail gives fine texture back, and some grain with it. Colour noise is removed apart from brightness. None of these runs the network again, and each can be undone. The removed noise can be looked at as a picture: where you see edges or texture of the photo in it, lower the strength.",
    tuneTitle: "Tuning to one photo",
    tune: "The network can be trained a little on your photo alone. Some parts of the photo are held out; on these the error is estimated. Only where it falls clearly is the tuned network kept. It takes from half a minute to some minutes.",
    limitsTitle: "What it cannot do",
    limits:
      "It does not know what was there before the noise: very strong noise leaves it guessing, and fine texture may be smoothed. Micrographs that will be measured should be denoised with care, and the original kept. Raw files of cameras are not read: develop them first.",
    offlineTitle: "Without a network",
    offline:
      "After the first visit the page works offline, with the networks that were used before. It can be installed like an app by the browser's menu.",
    tableTitle: "Measured quality",
    table:
      "PSNR in dB and SSIM (more is better) of all networks on public photos with white noise of the given strength, and on photos of cameras (CC15, PolyU100).",
  },
};

/** The same keys, with any words. */
export type Strings = Widened<typeof en>;

type Widened<T> = T extends string
  ? string
  : T extends (...args: infer A) => string
    ? (...args: A) => string
    : { readonly [K in keyof T]: Widened<T[K]> };
