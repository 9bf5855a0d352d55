// Builds the demo to dist/, and serves it while developing with a running Interline server behind `/api`.
import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  // INTERLINE_URL names the server to develop against.
  const server = loadEnv(mode, ".", "INTERLINE_")["INTERLINE_URL"] ?? "http://127.0.0.1:8080";
  return {
    plugins: [react()],
    // The package finds its wasm by `new URL(..., import.meta.url)`: bundling it ahead would move that place.
    optimizeDeps: { exclude: ["interline"] },
    build: {
      target: "es2022",
      cssTarget: ["chrome123", "firefox121", "safari17.5"],
      assetsInlineLimit: 0,
      rolldownOptions: {
        output: {
          // The libraries change less often than the app: browsers keep them across releases.
          codeSplitting: {
            groups: [
              { name: "editor", test: /node_modules[\\/](@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname)/ },
              { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            ],
          },
        },
      },
    },
    server: {
      proxy: {
        "/api": { target: server, changeOrigin: true, ws: true, rewriteWsOrigin: true },
      },
    },
  };
});
