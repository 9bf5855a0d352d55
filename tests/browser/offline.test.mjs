// What was typed with the server away survives the tab.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, until } from "./browser.mjs";
import { anotherTab, committed, textOf } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

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
  const review = await here.review("Offline");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start", "the first text is committed");
  const editor = await edit(thread);
  await editor.press("Control+End");
  await here.server.kill();
  await editor.pressSequentially(" and this offline", { delay: 5 });
  await until(() => saved(ann.page, "and this offline"), (there) => there, "the local store has it");
  await ann.page.close();
  await here.restart();
  assert.equal(await textOf(here.server, review.id), "start", "the server does not");
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("thread").filter({ hasText: "start and this offline" }).waitFor();
  await committed(here.server, review.id, "start and this offline", "it arrives, once");
});
