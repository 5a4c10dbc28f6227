import { fileURLToPath } from "node:url";

import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import components from "unplugin-vue-components/vite";
import { defineConfig } from "vitest/config";

const APP = { target: "http://127.0.0.1:8000", ws: true };

// The app serves dist/index.html at /desk and dist/assets at /desk/assets (bot/channels/web.py).
export default defineConfig({
  base: "/desk/",
  plugins: [vue(), components({ resolvers: [ElementPlusResolver({ importStyle: "css" })], dirs: [], dts: "src/components.d.ts" })],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy: { "/desk/api": APP } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "vue", test: /node_modules[\\/](@vue|vue|vue-router)[\\/]/ },
            { name: "charts", test: /node_modules[\\/](echarts|zrender)[\\/]/ },
          ],
        },
      },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", silent: "passed-only" as const },
});
