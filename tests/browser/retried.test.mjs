// What the list of what was not applied says of publications that did not happen, and that "Try again" publishes.

import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { test } from "node:test";

import { comment, edit, line, until } from "./browser.mjs";
import { draft, keep } from "./composer.mjs";
import { badge, committed, slowNetwork } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const TEXT = "Rename x";
const ANSWER = "Rather rename y";
const toast = (page, text) => page.getByTestId("toast").filter({ hasText: text });
const threadOf = (page) => page.getByTestId("thread").filter({ hasText: TEXT });

test("a reply is refused because its comment is gone, and tried again once that is there again", async () => {
  const review = await here.review("Tried again");
  const network = slowNetwork();
  const [ann, cem] = [await here.person("Ann", review.url), await here.person("Cem", review.url)];
  const bo = await here.person("Bo", review.url, network.prepare);
  const annThread = await comment(ann.page, "src/lib.rs", "head", 2, TEXT);
  await threadOf(cem.page).getByTestId("thread-reply").click();
  const composer = threadOf(cem.page).getByTestId("composer");
  await composer.locator(".cm-content").pressSequentially(ANSWER);
  await composer.getByTestId("composer-close").click();
  await badge(cem.page, "data-sync", "saved", "the server has the draft");

  // Bo writes in the comment while Ann removes it.
  const editor = await edit(threadOf(bo.page));
  network.hold();
  const root = annThread.getByTestId("comment").first();
  await root.hover();
  await root.getByTestId("comment-remove").click();
  await root.getByTestId("comment-remove-confirm").click();
  await committed(here.server, review.id, "", "it is removed");

  // Cem is told that the server would refuse it, and wants it all the same.
  await cem.page.getByTestId("lost-draft-replies").waitFor();
  await cem.page.getByTestId("publish-open").click();
  await cem.page.getByTestId("publish-choose").check();
  await cem.page.getByTestId("publish-submit").click();
  await toast(cem.page, "Your comment was not published").getByTestId("toast-action").click();
  const item = cem.page.getByTestId("rejected-item");
  await item.waitFor();
  assert.equal(await item.getAttribute("data-code"), "comment_removed");
  assert.match(await item.innerText(), /^Your comment was not published\s+It was removed, or answers a comment that was\. It is still a draft\./);
  assert.match(await item.getByTestId("rejected-lines").innerText(), /^drafts\s+1$/i, "nothing else was to be seen");
  assert.equal(await item.getByTestId("rejected-retry").innerText(), "Try again");
  assert.equal(await cem.page.getByText(ANSWER).count(), 1, "its words are in the draft, and there alone");

  // It is not there yet: that is said again, in the place of what was said before.
  const before = await item.elementHandle();
  await item.getByTestId("rejected-retry").click();
  await cem.page.waitForFunction((old) => !old.isConnected, before);
  await item.waitFor();
  assert.equal(await item.count(), 1);
  await committed(here.server, review.id, "", "nothing was published");

  await editor.press("Control+End");
  await editor.pressSequentially(" to total");
  await toast(ann.page, "Bo changed the comment that you removed").waitFor();
  network.release();
  await toast(bo.page, "Ann removed the comment that you changed").getByTestId("toast-action").click();
  await bo.page.getByTestId("conflict-keep-mine").click();
  await committed(here.server, review.id, `${TEXT} to total`, "it is there again");
  await threadOf(cem.page).waitFor();

  await item.getByTestId("rejected-retry").click();
  await cem.page.getByTestId("rejected-empty").waitFor();
  await committed(here.server, review.id, `${TEXT} to total|${ANSWER}`, "it is applied");
  await until(() => draft(cem.page, ANSWER).count(), (n) => n === 0, "it is no draft any more");
  await threadOf(ann.page).getByText(ANSWER).waitFor();
});

test("what a restored server has lost of a publication is shown once: in the draft that it is again", async () => {
  const review = await here.review("Shown once");
  const ann = await here.person("Ann", review.url);
  await line(ann.page, "src/lib.rs", "head", 3).waitFor();
  const kept = await keep(ann.page, "src/lib.rs", "head", 3, ANSWER);
  await badge(ann.page, "data-sync", "saved", "the server has the draft");
  const { data } = here.server;
  const backup = `${data}-backup`;
  await here.server.kill();
  await cp(data, backup, { recursive: true });
  await here.restart();
  await badge(ann.page, "data-state", "connected", "there again", 30_000);
  await kept.hover();
  await kept.getByTestId("draft-publish").click();
  await committed(here.server, review.id, ANSWER);
  await badge(ann.page, "data-sync", "saved", "and so has the server");
  await here.server.kill();
  await rm(data, { recursive: true });
  await cp(backup, data, { recursive: true });
  await rm(backup, { recursive: true });
  await here.restart();

  await ann.page.getByTestId("rejected-open").waitFor({ timeout: 30_000 });
  await ann.page.getByTestId("rejected-open").click();
  const item = ann.page.getByTestId("rejected-item");
  await item.getByTestId("rejected-in-draft").waitFor();
  assert.equal(await item.count(), 1);
  assert.match(await item.innerText(), /^Recovered draft: the server lost this/);
  await kept.waitFor();
  assert.equal(await ann.page.getByText(ANSWER).count(), 1);

  // Once the draft says something else, the record is where the words are.
  await ann.page.getByTestId("rejected-close").click();
  await kept.getByTestId("draft-edit").click();
  const typing = ann.page.getByTestId("draft").locator(".cm-content");
  await typing.press("Control+a");
  await typing.pressSequentially("Never mind");
  await ann.page.getByTestId("rejected-open").click();
  assert.equal(await item.getByTestId("rejected-diff").innerText(), ANSWER);
  assert.equal(await item.getByTestId("rejected-in-draft").count(), 0);
});
