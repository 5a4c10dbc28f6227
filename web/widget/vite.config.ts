import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const APP = "http://127.0.0.1:8000";

/** In development `/widget.js` is the loader's source, so that the demo page is the same file as in production. */
const loaderInDevelopment: Plugin = {
  name: "loader-in-development",
  configureServer(server) {
    server.middlewares.use("/widget.js", (_request, response) => {
      response.setHeader("Content-Type", "text/javascript");
      response.end('import("/src/loader.ts");');
    });
  },
};

// Two builds into one folder: the demo page (dist/index.html, dist/assets), then the loader (dist/widget.js, one IIFE).
export default defineConfig(({ mode }) => ({
  plugins: [loaderInDevelopment],
  server: { proxy: { "/chat": { target: APP, ws: true }, "/webhooks": APP, "/demo/login": APP, "/demo/otp": APP, "/demo/customers": APP } },
  build:
    mode === "loader"
      ? {
          target: "es2021",
          emptyOutDir: false,
          lib: { entry: "src/loader.ts", name: "SuixingChatLoader", formats: ["iife" as const], fileName: () => "widget.js" },
        }
      : { target: "es2022", emptyOutDir: true, modulePreload: { polyfill: false } },
  test: { include: ["tests/**/*.test.ts"], environment: "node", silent: "passed-only" as const },
}));
