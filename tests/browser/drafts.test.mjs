// Private drafts: written where others see only that somebody writes, kept by the browser and on all devices, and
// published in one step.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, focus, line, until } from "./browser.mjs";
import { readReview } from "./server.mjs";
import { anotherTab, badge, committed, keptOffline } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** The draft that says something. */
const draft = (page, text) => page.getByTestId("draft").filter({ hasText: text });

/** Opens a composer on a line and types into it; resolves to its locator. */
async function compose(page, path, side, number, text) {
  const target = line(page, path, side, number);
  await target.hover();
  await target.getByTestId("add-comment").click();
  const composer = page.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await page.keyboard.type(text);
  return composer;
}

/** A page of the same user in another browser; its profile is empty but for who they are. */
async function otherDevice({ page, context, errors }, url) {
  const user = await page.evaluate(() => localStorage.getItem("interline.user"));
  const other = await context.browser().newContext();
  await other.addInitScript((saved) => localStorage.setItem("interline.user", saved), user);
  return anotherTab({ context: other, errors }, url);
}

/** Writes a comment on a line and keeps it as a draft; resolves to its locator. */
async function keep(page, path, side, number, text) {
  const composer = await compose(page, path, side, number, text);
  await composer.getByTestId("composer-close").click();
  const kept = draft(page, text);
  await kept.waitFor();
  return kept;
}

/** Answers a thread with a draft. */
async function keepReply(page, thread, text) {
  await thread.getByTestId("thread-reply").click();
  const composer = thread.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await page.keyboard.type(text);
  await composer.getByTestId("composer-close").click();
  await thread.getByTestId("draft").filter({ hasText: text }).waitFor();
}

const texts = async (id) => (await readReview(here.server, id)).comments.map((found) => found.text).sort();

test("drafts are the author's alone until they are published as one review", async () => {
  const review = await here.review("Drafts");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const boThread = await comment(bo.page, "src/lib.rs", "head", 2, "Why two?");
  const annThread = ann.page.getByTestId("thread").filter({ hasText: "Why two?" });
  await annThread.waitFor();

  const kept = await keep(ann.page, "src/lib.rs", "head", 3, "Please rename");
  assert.match(await kept.innerText(), /Draft — only you see it/);
  assert.equal(await focus(ann.page), "draft", "the focus follows the text");
  // An answer to somebody's thread can wait as well.
  await keepReply(ann.page, annThread, "Because of y");

  // Edited like any comment, while others see where and not what.
  await kept.getByTestId("draft-edit").click();
  const editor = kept.locator(".cm-content");
  await editor.pressSequentially(" this");
  const writing = bo.page.getByTestId("line-writing");
  await until(() => writing.allInnerTexts(), (all) => all.includes("Ann is writing on line 3"), "Bo sees that Ann writes");
  assert.equal(await line(bo.page, "src/lib.rs", "head", 3).getByTestId("line-writing").count(), 1);
  await kept.getByTestId("draft-done").click();
  await until(() => writing.count(), (n) => n === 0, "and that she has stopped");
  await badge(ann.page, "data-sync", "saved", "the server has the drafts");

  // Another page of hers has them, and a reload keeps them.
  const tab = await anotherTab(ann, review.url);
  await draft(tab, "Please rename this").waitFor();
  await ann.page.reload();
  await draft(ann.page, "Please rename this").waitFor();
  assert.deepEqual(await texts(review.id), ["Why two?"], "the server tells nobody");
  assert.equal(await bo.page.getByTestId("draft").count(), 0);
  assert.equal(await bo.page.getByTestId("publish-open").count(), 0);
  assert.ok(!(await bo.page.content()).includes("Please rename"));

  const open = ann.page.getByTestId("publish-open");
  await until(() => open.getAttribute("data-count"), (n) => n === "2", "two to publish");
  await open.focus();
  await ann.page.keyboard.press("Enter");
  const dialog = ann.page.getByTestId("publish");
  await dialog.waitFor();
  assert.equal(await dialog.getByTestId("publish-draft").count(), 2);
  assert.equal(await focus(ann.page), "publish-comment", "the focus is on the decision");
  await ann.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focus(ann.page), "publish-open", "and goes back");
  await open.click();
  await dialog.getByTestId("publish-changes_requested").check();
  await dialog.getByTestId("publish-note").fill("See the name");
  await dialog.getByTestId("publish-submit").click();

  await bo.page.getByTestId("thread").filter({ hasText: "Please rename this" }).waitFor();
  await boThread.getByText("Because of y").waitFor();
  await until(() => bo.page.getByTestId("status").getAttribute("data-status"), (s) => s === "changes_requested", "the decision");
  await bo.page.getByText("See the name").waitFor();
  for (const page of [ann.page, tab]) {
    await until(() => page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
    assert.equal(await page.getByTestId("publish-open").count(), 0);
    await page.getByTestId("thread").filter({ hasText: "Please rename this" }).waitFor();
  }
  assert.deepEqual(await texts(review.id), ["Because of y", "Please rename this", "Why two?"]);
});

test("what is typed is a draft on all devices before anything is pressed; closing keeps it, Discard drops it", async () => {
  const review = await here.review("As one types");
  const ann = await here.person("Ann", review.url);
  const device = await otherDevice(ann, review.url);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Half a th");
  const there = draft(device, "Half a th");
  await there.waitFor();
  assert.equal(await ann.page.getByTestId("draft").count(), 0, "its composer shows it");

  // It goes on there, and comes back.
  await there.getByTestId("draft-edit").click();
  await there.locator(".cm-content").pressSequentially("ought");
  await there.getByTestId("draft-done").click();
  await composer.getByText("Half a thought").waitFor();
  await ann.page.reload();
  await composer.getByText("Half a thought").waitFor();
  assert.equal(await ann.page.getByTestId("draft").count(), 0, "it is the same after a reload");
  await ann.page.getByTestId("composer-close").click();
  await composer.waitFor({ state: "detached" });
  await draft(ann.page, "Half a thought").waitFor();
  assert.equal(await device.getByTestId("draft").count(), 1);

  await compose(ann.page, "src/lib.rs", "head", 2, "No use");
  await draft(device, "No use").waitFor();
  await composer.getByTestId("composer-discard").click();
  await draft(device, "No use").waitFor({ state: "detached" });
  await compose(ann.page, "src/lib.rs", "head", 2, "Said at once");
  await draft(device, "Said at once").waitFor();
  await composer.getByTestId("composer-submit").click();
  await device.getByTestId("thread").filter({ hasText: "Said at once" }).waitFor();
  await draft(device, "Said at once").waitFor({ state: "detached" });
  for (const page of [ann.page, device]) {
    await until(() => page.getByTestId("publish-open").getAttribute("data-count"), (n) => n === "1", "one draft is left");
  }
  assert.deepEqual(await texts(review.id), ["Said at once"]);

  // Removed on one device while it is open on the other: nothing is taken away from under her hands.
  await compose(ann.page, "src/lib.rs", "base", 2, "Not so");
  const gone = draft(device, "Not so");
  await gone.hover();
  await gone.getByTestId("draft-remove").click();
  await gone.getByTestId("draft-remove-confirm").click();
  await gone.waitFor({ state: "detached" });
  await badge(device, "data-sync", "saved", "it is removed");
  await composer.locator(".cm-content").pressSequentially(" fast");
  await draft(device, "Not so fast").waitFor();
  // And published there: it is where it was to go.
  await draft(device, "Not so fast").getByTestId("draft-publish").click();
  await composer.waitFor({ state: "detached" });
  await ann.page.getByTestId("thread").filter({ hasText: "Not so fast" }).waitFor();
  await device.context().close();
});

test("a draft that is behind its composer takes no words away from it", async () => {
  const review = await here.review("Behind");
  const ann = await here.person("Ann", review.url);
  const device = await otherDevice(ann, review.url);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Short");
  await draft(device, "Short").waitFor();
  const close = composer.getByTestId("composer-close");
  await until(() => close.isEnabled(), (enabled) => enabled, "it is a draft");
  // More than a comment may hold: no draft takes it.
  await ann.page.keyboard.insertText(" and long".repeat(4_000));
  await until(() => close.isEnabled(), (enabled) => !enabled, "that is none");
  const kept = () => ann.page.evaluate(() => Math.max(...Object.entries(localStorage).filter(([key]) => key.startsWith("interline.draft:")).map(([, text]) => text.length)));
  assert.equal(await kept(), 36_005);
  // Something happens to the drafts, and then the page is loaded anew.
  await keep(device, "src/lib.rs", "head", 2, "Another");
  await draft(ann.page, "Another").waitFor();
  assert.equal(await kept(), 36_005);
  await ann.page.reload();
  await composer.waitFor();
  await draft(ann.page, "Another").waitFor();
  assert.equal(await kept(), 36_005);

  // What is written on both devices is there on both.
  await composer.getByTestId("composer-discard").click();
  await draft(device, "Short").waitFor({ state: "detached" });
  await compose(ann.page, "src/lib.rs", "head", 3, "one two three");
  await draft(device, "one two three").waitFor();
  await ann.context.setOffline(true);
  await composer.locator(".cm-content").press("End");
  await ann.page.keyboard.type(" four");
  const there = draft(device, "one two three");
  await there.getByTestId("draft-edit").click();
  await there.locator(".cm-content").press("Home");
  await device.keyboard.type("zero ");
  await there.getByTestId("draft-done").click();
  await badge(device, "data-sync", "saved", "it is on the server");
  await ann.context.setOffline(false);
  await composer.getByText("zero one two three four").waitFor();
  await draft(device, "zero one two three four").waitFor();
  await device.context().close();
});

test("one is published by itself, another removed, and a third stays", async () => {
  const review = await here.review("Drafts, one by one");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const first = await keep(ann.page, "src/lib.rs", "head", 2, "First");
  const second = await keep(ann.page, "src/lib.rs", "head", 3, "Second");
  await keep(ann.page, "src/lib.rs", "base", 2, "Third");
  await first.getByTestId("draft-publish").click();
  await bo.page.getByTestId("thread").filter({ hasText: "First" }).waitFor();
  await second.hover();
  await second.getByTestId("draft-remove").click();
  await second.getByTestId("draft-remove-confirm").click();
  await second.waitFor({ state: "detached" });
  await until(() => ann.page.getByTestId("publish-open").getAttribute("data-count"), (n) => n === "1", "one is left");
  await until(() => focus(ann.page), (has) => has === "publish-open", "the focus is beside what went");
  await committed(here.server, review.id, "First");
});

test("a draft reply to a comment that somebody removed stays in sight, and keeps nothing else back", async () => {
  const review = await here.review("A draft without its thread");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const boThread = await comment(bo.page, "src/lib.rs", "head", 2, "Why two?");
  const annThread = ann.page.getByTestId("thread").filter({ hasText: "Why two?" });
  await annThread.waitFor();
  await keepReply(ann.page, annThread, "Because of y");
  await keep(ann.page, "src/lib.rs", "head", 3, "Please rename");
  await badge(ann.page, "data-sync", "saved", "the server has the drafts");
  await boThread.getByTestId("comment").hover();
  await boThread.getByTestId("comment-remove").click();
  await boThread.getByTestId("comment-remove-confirm").click();
  await annThread.waitFor({ state: "detached" });

  const lost = ann.page.getByTestId("lost-draft-replies").getByTestId("draft");
  await lost.waitFor();
  assert.match(await lost.getByTestId("draft-answers").innerText(), /^Reply to a comment of Bo on src\/lib\.rs, line 2, which was removed/);
  assert.equal(await lost.getByTestId("draft-publish").count(), 0, "the server would refuse it");
  assert.equal(await lost.getByTestId("copy").count(), 1);
  await lost.getByTestId("draft-edit").click();
  await lost.locator(".cm-content").pressSequentially(", see below");
  await lost.getByTestId("draft-done").click();
  await lost.getByText("Because of y, see below").waitFor();
  await ann.page.reload();
  await lost.getByText("Because of y, see below").waitFor();

  // It is left out at first; who chooses it all the same is told why nothing was published.
  const open = ann.page.getByTestId("publish-open");
  const dialog = ann.page.getByTestId("publish");
  const item = dialog.getByTestId("publish-draft").filter({ hasText: "which was removed" });
  await open.click();
  assert.equal(await dialog.getByTestId("publish-choose").count(), 2);
  assert.equal(await item.getByTestId("publish-choose").isChecked(), false);
  assert.equal(await dialog.getByTestId("publish-submit").innerText(), "Publish 1 draft");
  await item.getByTestId("publish-choose").check();
  await dialog.getByTestId("publish-approved").check();
  await dialog.getByTestId("publish-note").fill("Apart from the name");
  await dialog.getByTestId("publish-submit").click();
  await ann.page.getByTestId("toast").filter({ hasText: "Your drafts were not published" }).waitFor();
  await until(() => open.getAttribute("data-count"), (n) => n === "2", "both are drafts again");
  await committed(here.server, review.id, "", "nothing was published");
  await open.click();
  const refused = dialog.getByTestId("publish-refused");
  assert.equal(await refused.getAttribute("data-code"), "comment_removed");
  assert.match(await refused.innerText(), /answers a comment that was: leave it out/);
  assert.equal(await dialog.getByTestId("publish-approved").isChecked(), true, "what was meant is there to be said again");
  assert.equal(await dialog.getByTestId("publish-note").inputValue(), "Apart from the name");

  // Removed in the list, with the keyboard.
  await item.getByTestId("publish-remove").focus();
  await ann.page.keyboard.press("Enter");
  await item.getByTestId("publish-remove-confirm").waitFor();
  await ann.page.keyboard.press("Escape");
  await until(() => focus(ann.page), (has) => has === "publish-remove", "Escape answers the question alone");
  await ann.page.keyboard.press("Enter");
  await item.getByTestId("publish-remove-confirm").focus();
  await ann.page.keyboard.press("Enter");
  await item.waitFor({ state: "detached" });
  assert.equal(await focus(ann.page), "publish-choose", "the focus is on what is left");
  await dialog.getByTestId("publish-submit").click();
  await bo.page.getByTestId("thread").filter({ hasText: "Please rename" }).waitFor();
  await bo.page.getByText("Apart from the name").waitFor();
  await committed(here.server, review.id, "Please rename");
  await until(() => ann.page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
  assert.equal(await ann.page.getByTestId("lost-draft-replies").count(), 0);
  assert.equal(await ann.page.getByTestId("rejected-open").count(), 0, "what was refused has been said");
});

test("some are left out of a review and stay drafts", async () => {
  const review = await here.review("Some of the drafts");
  const ann = await here.person("Ann", review.url);
  await keep(ann.page, "src/lib.rs", "head", 2, "Goes");
  await keep(ann.page, "src/lib.rs", "head", 3, "Stays");
  await ann.page.getByTestId("publish-open").click();
  const dialog = ann.page.getByTestId("publish");
  const box = (text) => dialog.getByTestId("publish-draft").filter({ hasText: text }).getByTestId("publish-choose");
  for (const text of ["Goes", "Stays"]) {
    assert.equal(await box(text).isChecked(), true, "all are chosen at first");
    await box(text).focus();
    await ann.page.keyboard.press("Space");
    assert.equal(await box(text).isChecked(), false);
  }
  const submit = dialog.getByTestId("publish-submit");
  assert.equal(await submit.isDisabled(), true);
  assert.equal(await dialog.getByTestId("publish-count").innerText(), "Choose at least one draft.");
  await box("Goes").check();
  assert.equal(await dialog.getByTestId("publish-count").innerText(), "1 is left out and stays a draft.");
  assert.equal(await submit.innerText(), "Publish 1 draft");
  await submit.click();
  await committed(here.server, review.id, "Goes");
  await until(() => ann.page.getByTestId("publish-open").getAttribute("data-count"), (n) => n === "1", "one is left");
  await draft(ann.page, "Stays").waitFor();
  assert.equal(await draft(ann.page, "Goes").count(), 0);
});

test("offline, drafts are written and published, and arrive once", async () => {
  const review = await here.review("Drafts offline");
  const ann = await here.person("Ann", review.url);
  await line(ann.page, "src/lib.rs", "head", 3).waitFor();
  await badge(ann.page, "data-sync", "saved", "open");
  await here.server.kill();
  await badge(ann.page, "data-state", "disconnected", "the page says so", 30_000);
  const kept = await keep(ann.page, "src/lib.rs", "head", 3, "Written offline");
  await ann.page.getByTestId("publish-open").click();
  const dialog = ann.page.getByTestId("publish");
  await dialog.getByTestId("publish-approved").check();
  await dialog.getByTestId("publish-submit").click();
  await kept.getByTestId("draft-publishing").waitFor();
  assert.equal(await kept.getByTestId("draft-edit").count(), 0, "it is settled what will be seen");
  await keptOffline(ann.page);
  await ann.page.close();
  await here.restart();
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("thread").filter({ hasText: "Written offline" }).waitFor();
  await committed(here.server, review.id, "Written offline", "it arrives, once");
  await until(() => page.getByTestId("draft").count(), (n) => n === 0, "it is no draft any more");
  const bo = await here.person("Bo", review.url);
  await bo.page.getByTestId("thread").filter({ hasText: "Written offline" }).waitFor();
  await until(() => bo.page.getByTestId("status").getAttribute("data-status"), (s) => s === "approved", "with the decision");
});
