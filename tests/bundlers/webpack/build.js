import webpack from "webpack";

const compiler = webpack({
  mode: "production",
  context: new URL("..", import.meta.url).pathname,
  entry: { main: "./main.js" },
  output: { path: new URL("dist", import.meta.url).pathname, publicPath: "auto", clean: true },
  performance: { hints: false },
});

compiler.run((error, stats) => {
  if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
  console.error(error ?? stats.toString("errors-warnings"));
  process.exitCode = 1;
});
