// Vite serves what its root folder holds, and what that imports.
import "../main.js";
