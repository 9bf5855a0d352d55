// What waits to be tried again is tried at once when the network comes back and when a tab comes into sight. Time stands
// still on these pages from the moment on that they wait, so nothing that waits for a time can happen there.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { comment, edit, person, until } from "./browser.mjs";
import { badge, committed, keptOffline, textOf } from "./tabs.mjs";
import { startInSight } from "./tabs-in-sight.mjs";
import { world } from "./world.mjs";

const here = world();

let opened = [];

afterEach(async () => {
  const gone = opened;
  opened = [];
  await Promise.all(gone.map(({ browser }) => browser.stop()));
  assert.deepEqual(gone.flatMap(({ errors }) => errors), [], "errors on the pages");
});

/** Ann, in a browser of her own whose tabs can go out of sight; her pages' time can be stopped. */
async function inSight(url, prepare) {
  const browser = await startInSight();
  const errors = [];
  opened.push({ browser, errors });
  const ann = await person(browser, "Ann", url, async (context) => {
    await context.clock.install();
    await prepare?.(context);
  });
  ann.page.on("pageerror", (error) => errors.push(String(error)));
  return { ...ann, hide: () => browser.hide(ann.page) };
}

/** From here on no time passes on a page. */
async function stopTime(page) {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 100);
}

/** Writes a comment that the server gets, and opens its editor, with the caret at the end. */
async function begin({ page }, review) {
  const thread = await comment(page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start");
  const typing = await edit(thread);
  await typing.press("Control+End");
  return typing;
}

/** The server goes while a page types, time stops there, and the server comes back. */
async function away({ page }, review, typing) {
  let trying = 0;
  page.on("websocket", (socket) => {
    trying += 1;
    socket.on("close", () => (trying -= 1));
  });
  await here.server.kill();
  await badge(page, "data-state", "disconnected", "it is noticed");
  await typing.pressSequentially(" and more");
  await keptOffline(page);
  await stopTime(page);
  // A try that Chromium holds back would find the server there again.
  await until(() => trying, (count) => count === 0, "no try is under way", 30_000);
  await here.restart();
  assert.equal(await textOf(here.server, review.id), "start");
}

test("the network comes back: what waits for a connection gets one at once", async () => {
  const review = await here.review("Online");
  const ann = await here.person("Ann", review.url, (context) => context.clock.install());
  const typing = await begin(ann, review);
  await ann.context.setOffline(true);
  await away(ann, review, typing);
  await ann.context.setOffline(false);
  await committed(here.server, review.id, "start and more", "with the network");
  await badge(ann.page, "data-sync", "saved", "the page has heard of it");
});

test("a tab comes into sight: what waits for a connection gets one at once", async () => {
  const review = await here.review("Wakes");
  const ann = await inSight(review.url);
  const typing = await begin(ann, review);
  await away(ann, review, typing);
  const show = await ann.hide();
  assert.equal(await textOf(here.server, review.id), "start");
  await show();
  await committed(here.server, review.id, "start and more", "with the tab");
  await badge(ann.page, "data-sync", "saved", "the page has heard of it");
});

test("a tab goes out of sight: what was typed goes at once, and what got no answer again when it comes back", async () => {
  const review = await here.review("Sends again");
  const lossy = { losing: false, lost: [], sent: [] };
  const ann = await inSight(review.url, (context) => context.routeWebSocket(/\/api\/socket/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      const batch = String(message).startsWith('{"submit"');
      if (batch) (lossy.losing ? lossy.lost : lossy.sent).push(String(message));
      if (!batch || !lossy.losing) server.send(message);
    });
  }));
  const typing = await begin(ann, review);
  await badge(ann.page, "data-sync", "saved", "nothing is under way");
  await stopTime(ann.page);
  lossy.losing = true;
  await typing.pressSequentially(" and more");
  const show = await ann.hide();
  await until(() => lossy.lost.length, (count) => count > 0, "it is sent although no time has passed");
  assert.equal(lossy.lost.length, 1);
  // Less than the least that a batch waits for its answer, and more than what counts as under way.
  await ann.page.clock.runFor(500);
  lossy.losing = false;
  lossy.sent = [];
  await show();
  await committed(here.server, review.id, "start and more", "with the tab");
  assert.deepEqual(lossy.sent, lossy.lost, "the same bytes, once");
  await badge(ann.page, "data-sync", "saved", "the page has heard of it");
});
