import { defineConfig } from "@playwright/test";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// Without these, headless Chromium has no WebGPU adapter at all; with them it has a software one.
const WEBGPU_FLAGS = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A server of static files, with the strict policy of `www/vite.config.ts`. */
export function server(folder: string, port: number) {
  return {
    command: `npx --no-install vite preview --outDir ${folder} --host localhost --strictPort --port ${port}`,
    cwd: "../../www",
    port,
    reuseExistingServer: false,
    // Vite warns of serving a folder that it could not build into.
    stderr: "ignore" as const,
  };
}

/** Pages that the strict policy is not for: what Vite's development server and Next.js write into them breaks it. */
const bundlers = [
  // Bundled anew: what Vite keeps may be of an older package.
  ["vite vite --force --host localhost --strictPort --port 4323", 4323],
  ["vite preview next --outDir . --host localhost --strictPort --port 4324", 4324],
].map(([command, port]) => ({
  command: `npx --no-install ${command}`,
  cwd: "../bundlers",
  port: Number(port),
  reuseExistingServer: false,
  stderr: "ignore" as const,
}));

export default defineConfig({
  testDir: ".",
  outputDir: "test-results/output",
  // Two cores: the engine keeps one busy, the browser the other.
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [["list"], ["json", { outputFile: "test-results/results.json" }]],
  // Each test starts from nothing; what is kept for offline use has a test of its own.
  use: { baseURL: "http://localhost:4321/", acceptDownloads: true, serviceWorkers: "block" },
  // The page as built, and the package in `pkg/` as it is, without any bundler.
  webServer: [server("dist", 4321), server("..", 4322), ...bundlers],
  projects: [
    {
      name: "cpu",
      testIgnore: "**/*webgpu.spec.ts",
      use: { launchOptions: { executablePath, args: FLAGS } },
    },
    {
      name: "webgpu",
      testMatch: ["**/*webgpu.spec.ts", "parity.spec.ts"],
      timeout: 300_000,
      use: { launchOptions: { executablePath, args: [...FLAGS, ...WEBGPU_FLAGS] } },
    },
  ],
});
