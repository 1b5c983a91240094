import { Denoiser } from "unnoise";
import { start } from "./app.js";

start(Denoiser);
