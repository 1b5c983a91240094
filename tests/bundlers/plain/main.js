import { Denoiser } from "../node_modules/unnoise/dist/index.js";
import { start } from "../app.js";

start(Denoiser);
