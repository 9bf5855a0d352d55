// What was typed with the server away survives the tab.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, person, startBrowser, until } from "./browser.mjs";
import { createReview, readReview, startServer } from "./server.mjs";

const DIFF = `diff --git a/src/lib.rs b/src/lib.rs
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,2 +1,2 @@
 fn main() {
-old
+new
`;

/** Whether the local store has this text pending. */
const saved = (page, text) => page.evaluate((text) => new Promise((resolve, reject) => {
  const request = indexedDB.open("interline");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const rows = request.result.transaction("pending").objectStore("pending").getAll();
    rows.onsuccess = () => {
      request.result.close();
      resolve(rows.result.some((row) => row.includes(text)));
    };
  };
}), text);

test("typed with the server away, the tab closed: a new tab has it and sends it", async () => {
  let server = await startServer();
  const browser = await startBrowser();
  try {
    const review = await createReview(server, DIFF, "Offline");
    const ann = await person(browser, "Ann", review.url);
    const thread = await comment(ann.page, "src/lib.rs", "head", 2, "start");
    const text = async () => (await readReview(server, review.id)).comments[0]?.text;
    await until(text, (now) => now === "start", "the first text is committed");
    const editor = await edit(thread);
    await editor.press("Control+End");
    await server.kill();
    await editor.pressSequentially(" and this offline", { delay: 5 });
    await until(() => saved(ann.page, "and this offline"), (there) => there, "the local store has it");
    await ann.page.close();
    server = await startServer({ data: server.data, port: server.port });
    assert.equal(await text(), "start", "the server does not");
    const page = await ann.context.newPage();
    await page.goto(review.url);
    await page.getByTestId("thread").filter({ hasText: "start and this offline" }).waitFor();
    await until(text, (now) => now === "start and this offline", "it arrives, once");
  } finally {
    await browser.close();
    await server.stop();
  }
});
