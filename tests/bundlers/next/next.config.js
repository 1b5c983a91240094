/** A static export below a sub-path. */
export default {
  output: "export",
  basePath: "/out",
  devIndicators: false,
};
