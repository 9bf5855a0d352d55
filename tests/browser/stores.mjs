// The page on which the stores' tests run: a small server for it, and tabs to steer.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const TYPES = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };

const PAGE = `<!doctype html><title>stores</title><script type="module">
  import init, * as stores from "./interline.js";
  // A panic leaves the module as it is, and whoever waits for it waiting.
  globalThis.panicked = (message) => globalThis.fail?.(new Error(message));
  globalThis.call = (what) => new Promise((resolve, reject) => {
    globalThis.fail = reject;
    Promise.resolve(what(stores)).then(resolve, reject);
  });
  globalThis.ready = init({ module_or_path: fetch("./interline_bg.wasm") }).then(() => stores.names());
</script>`;

/** Serves the compiled tests on loopback; resolves to `{url, close}`. */
export async function serveStores() {
  const folder = process.env.INTERLINE_STORES;
  if (!folder) throw new Error("INTERLINE_STORES must name the folder of the compiled tests");
  const server = createServer(async (request, response) => {
    const name = request.url === "/" ? "index.html" : request.url.slice(1);
    try {
      if (!/^[\w.]+$/.test(name)) throw new Error("no such file");
      const body = name === "index.html" ? PAGE : await readFile(join(folder, name));
      response.writeHead(200, { "content-type": TYPES[name.split(".").pop()] ?? "text/plain" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

/** Opens a page of a context; resolves once the module runs, to the page. */
export async function openPage(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  await page.waitForFunction(() => globalThis.ready);
  await page.evaluate(() => globalThis.ready);
  return page;
}

/** A tab with a store: its methods are those of `Tab` in `stores/src/tab.rs`. */
export async function openTab(context, url, { name = "interline", open = "open" } = {}) {
  const page = await openPage(context, url);
  await page.evaluate(([open, name]) => call(async ({ Tab }) => { globalThis.tab = await Tab[open](name); }), [open, name]);
  const method = (_, name) => (...args) => name === "then" ? undefined : page.evaluate(
    ([name, args]) => call(() => globalThis.tab[name](...args)), [name, args]);
  return { page, tab: new Proxy({}, { get: (target, name) => name === "then" ? undefined : method(target, name) }) };
}
