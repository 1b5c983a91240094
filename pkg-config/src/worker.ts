/** The worker's script. */
import { serve } from "./worker/serve.js";

serve();
