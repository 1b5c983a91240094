import { fileURLToPath } from "node:url";
import js from "@eslint/js";
import tseslint from "typescript-eslint";

const root = fileURLToPath(new URL("..", import.meta.url));

export default tseslint.config(
  { ignores: ["www/dist", "pkg-config/src/shared/contract.ts", "**/node_modules", "**/test-results"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    basePath: root,
    languageOptions: {
      parserOptions: {
        project: [
          "www/tsconfig.json",
          "www/worker.tsconfig.json",
          "pkg-config/tsconfig.json",
          "pkg-config/src/node/tsconfig.json",
          "tests/browser/tsconfig.json",
        ],
        tsconfigRootDir: root,
      },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
);
