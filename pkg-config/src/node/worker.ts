/** The worker's script, in a thread of Node. */
import "./scope.js";
import "../worker.js";
