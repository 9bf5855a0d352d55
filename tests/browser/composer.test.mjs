// What is typed in a composer: a private draft from the first word on, kept over a reload, on all devices, and published
// once by pressing Comment.

import assert from "node:assert/strict";
import { test } from "node:test";

import { compose, line, until } from "./browser.mjs";
import { draft, keep, otherDevice } from "./composer.mjs";
import { readReview } from "./server.mjs";
import { anotherTab, badge, committed, keptOffline, offline, slowNetwork, textOf } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const texts = async (id) => (await readReview(here.server, id)).comments.map((found) => found.text).sort();

/** Keeps the page's database busy: what the page saves from now on waits, and is gone with the page. */
const holdDatabase = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.open("interline");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const names = [...request.result.objectStoreNames];
    const store = request.result.transaction(names, "readwrite").objectStore(names[0]);
    const again = () => {
      store.count().onsuccess = again;
      resolve();
    };
    store.count().onsuccess = again;
  };
}));

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
  await ann.page.evaluate(() => {
    const { encodeInto } = TextEncoder.prototype;
    window.offered = 0;
    // How strings go to the package where they are not plain letters.
    TextEncoder.prototype.encodeInto = function (text, into) {
      if (text.length > 30_000) window.offered += 1;
      return encodeInto.call(this, text, into);
    };
  });
  const offered = () => ann.page.evaluate(() => window.offered);
  await ann.page.keyboard.insertText(" and löng".repeat(4_000));
  await until(() => close.isEnabled(), (enabled) => !enabled, "that is none");
  const kept = () => ann.page.evaluate(() => Math.max(...Object.entries(localStorage).filter(([key]) => key.startsWith("interline.draft:")).map(([, text]) => text.length)));
  assert.equal(await kept(), 36_005);
  const tries = await offered();
  assert.ok(tries > 0);
  // Something happens to the drafts, and then the page is loaded anew.
  await keep(device, "src/lib.rs", "head", 2, "Another");
  await draft(ann.page, "Another").waitFor();
  assert.equal(await kept(), 36_005);
  assert.equal(await offered(), tries, "what was refused is not offered again as it was");
  await ann.page.reload();
  await composer.waitFor();
  await draft(ann.page, "Another").waitFor();
  assert.equal(await kept(), 36_005);

  // Nor can it be said; that is told, and it stays.
  await composer.getByTestId("composer-submit").click();
  await ann.page.getByTestId("toast").filter({ hasText: "This comment could not be added" }).waitFor();
  assert.equal(await kept(), 36_005);
  assert.equal(await textOf(here.server, review.id), "");

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

test("a page loaded anew before the browser's database has the last words loses none of them", async () => {
  const review = await here.review("Loaded anew");
  const ann = await here.person("Ann", review.url);
  const { page } = ann;
  const composer = await compose(page, "src/lib.rs", "head", 3, "A");
  // One after the other: what the database had in between is what the page finds.
  for (const words of ["ll", " of", " it"]) {
    await badge(page, "data-sync", "saved", "the server has the draft");
    await badge(page, "data-stored", "true", "and so has the database");
    await holdDatabase(page);
    await composer.locator(".cm-content").press("Control+End");
    await page.keyboard.type(words);
    await page.reload();
    await composer.locator(".cm-content").waitFor();
    await until(() => composer.getByTestId("composer-close").isEnabled(), (enabled) => enabled, "it is a draft again");
  }
  assert.equal(await composer.locator(".cm-content").innerText(), "All of it");
  await composer.getByTestId("composer-submit").click();
  await committed(here.server, review.id, "All of it", "all words are in the comment");
});

test("what a draft never said stays in its composer when the draft is published", async () => {
  const review = await here.review("Published without the last words");
  const ann = await here.person("Ann", review.url);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Short");
  const close = composer.getByTestId("composer-close");
  await badge(ann.page, "data-sync", "saved", "the server has the draft");
  // More than a draft takes: the composer alone has it.
  await ann.page.keyboard.insertText(" and more".repeat(4_000));
  await until(() => close.isEnabled(), (enabled) => !enabled, "it is not in the draft");
  const kept = () => ann.page.evaluate(() => Object.entries(localStorage).filter(([key]) => key.startsWith("interline.draft:")).map(([, text]) => text.length));
  await ann.page.getByTestId("publish-open").click();
  await ann.page.getByTestId("publish-submit").click();
  await committed(here.server, review.id, "Short");
  await ann.page.getByTestId("thread").getByTestId("comment").filter({ hasText: "Short" }).waitFor();
  await ann.page.getByTestId("toast").filter({ hasText: "without your last words" }).waitFor();
  assert.deepEqual(await kept(), [36_005]);
  assert.equal(await ann.page.getByTestId("draft").count(), 0);

  // It is nothing else's: what becomes of it is a comment of its own.
  await composer.locator(".cm-content").click();
  await ann.page.keyboard.press("Control+a");
  await ann.page.keyboard.insertText("And more, shorter");
  await until(() => close.isEnabled(), (enabled) => enabled, "it is a draft");
  await composer.getByTestId("composer-submit").click();
  await composer.waitFor({ state: "detached" });
  await committed(here.server, review.id, "Short|And more, shorter");
  assert.deepEqual(await kept(), []);
});

test("words that no database had yet are there again where another device has published the draft without them", async () => {
  const review = await here.review("Published meanwhile");
  const ann = await here.person("Ann", review.url);
  const device = await otherDevice(ann, review.url);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Short");
  await badge(ann.page, "data-sync", "saved", "the server has the draft");
  await badge(ann.page, "data-stored", "true", "and so has the database");
  const there = draft(device, "Short");
  await there.waitFor();
  await offline(ann);
  await holdDatabase(ann.page);
  await composer.locator(".cm-content").press("Control+End");
  await ann.page.keyboard.type(", and more");
  await ann.page.close();
  await there.hover();
  await there.getByTestId("draft-publish").click();
  await committed(here.server, review.id, "Short");
  await ann.context.setOffline(false);
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("toast").filter({ hasText: "without your last words" }).waitFor();
  const again = page.getByTestId("composer");
  assert.equal(await again.locator(".cm-content").innerText(), "Short, and more");
  // They are a draft of their own by now.
  await draft(device, "Short, and more").waitFor();
  await until(() => again.getByTestId("composer-close").isEnabled(), (enabled) => enabled, "so the composer says");
  assert.equal(await textOf(here.server, review.id), "Short");
  await device.context().close();
});

test("a tab that goes on with another tab's part of the database waits for the draft, and makes no second one", async () => {
  const review = await here.review("Another tab's part");
  const ann = await here.person("Ann", review.url);
  await line(ann.page, "src/lib.rs", "head", 3).waitFor();
  await badge(ann.page, "data-sync", "saved", "open");
  const page = await anotherTab(ann, review.url);
  const composer = page.getByTestId("composer");
  await line(page, "src/lib.rs", "head", 3).waitFor();
  await badge(page, "data-sync", "saved", "open");
  // Its part has nothing of the draft, and is the first that is free.
  await ann.page.close();
  await compose(page, "src/lib.rs", "head", 3, "Only one");
  await badge(page, "data-sync", "saved", "the server has the draft");
  await page.reload();
  await until(() => composer.getByTestId("composer-close").isEnabled(), (enabled) => enabled, "it is a draft again");
  assert.equal(await composer.locator(".cm-content").innerText(), "Only one");
  await composer.getByTestId("composer-submit").click();
  await committed(here.server, review.id, "Only one");
  await badge(page, "data-sync", "saved", "all is said");
  await page.reload();
  await page.getByTestId("thread").getByTestId("comment").waitFor();
  await badge(page, "data-state", "connected", "open again");
  await badge(page, "data-sync", "saved", "caught up");
  assert.equal(await page.getByTestId("draft").count(), 0, "no draft is left");
});

test("Comment publishes the draft: what other devices write in it is in the comment, be it early or late", async () => {
  const review = await here.review("Two devices");
  const [slow, slower] = [slowNetwork(), slowNetwork()];
  const ann = await here.person("Ann", review.url, slow.prepare);
  const device = await otherDevice(ann, review.url, slower.prepare);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "one two three");
  const there = draft(device, "one two three");
  await there.getByTestId("draft-edit").click();
  await badge(ann.page, "data-sync", "saved", "her own words are there");
  slow.hold();
  await there.locator(".cm-content").press("Home");
  await device.keyboard.type("zero ");
  await badge(device, "data-sync", "saved", "it is on the server");
  assert.equal(await composer.locator(".cm-content").innerText(), "one two three", "and not on the other device");
  slower.hold();
  await composer.getByTestId("composer-submit").click();
  await composer.waitFor({ state: "detached" });
  await committed(here.server, review.id, "zero one two three");
  await there.locator(".cm-content").press("End");
  await device.keyboard.type(" four");
  slower.release();
  slow.release();
  await committed(here.server, review.id, "zero one two three four", "what came too late goes on in the comment");
  await ann.page.getByTestId("thread").getByText("zero one two three four").waitFor();
  await device.context().close();
});

test("a second tab with the same composer does not say it again", async () => {
  const review = await here.review("Two tabs, one composer");
  const ann = await here.person("Ann", review.url);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Once");
  await badge(ann.page, "data-sync", "saved", "the server has the draft");
  const network = slowNetwork();
  const second = await anotherTab(ann, review.url, network.prepare);
  const same = second.getByTestId("composer");
  await same.getByText("Once").waitFor();
  await until(() => same.getByTestId("composer-close").isEnabled(), (enabled) => enabled, "it is the same draft");
  await badge(second, "data-sync", "saved", "connected");
  network.hold();
  await composer.getByTestId("composer-submit").click();
  await committed(here.server, review.id, "Once");
  await same.getByTestId("composer-submit").click();
  network.release();
  await badge(second, "data-sync", "saved", "the server has answered both");
  for (const page of [ann.page, second]) {
    await page.getByTestId("thread").filter({ hasText: "Once" }).getByTestId("comment").waitFor();
    await until(() => page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
    assert.equal(await page.getByTestId("composer").count(), 0);
    assert.equal(await page.getByTestId("toast").count(), 0, "there is nothing to say about it");
    assert.equal(await page.getByTestId("rejected-open").count(), 0);
  }
  assert.equal(await textOf(here.server, review.id), "Once");
});

test("offline, Comment shows what will be said in its place, and it is said once", async () => {
  const review = await here.review("Said offline");
  const ann = await here.person("Ann", review.url);
  await line(ann.page, "src/lib.rs", "head", 3).waitFor();
  await badge(ann.page, "data-sync", "saved", "open");
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Begun, ");
  await badge(ann.page, "data-sync", "saved", "the server has the draft");
  await here.server.kill();
  await badge(ann.page, "data-state", "disconnected", "the page says so", 30_000);
  await ann.page.keyboard.type("and ended offline");
  await composer.getByTestId("composer-submit").click();
  const shown = ann.page.getByTestId("thread").filter({ hasText: "Begun, and ended offline" });
  await shown.getByTestId("draft-publishing").waitFor();
  assert.match(await shown.innerText(), /^(A\s+)?Ann/, "it reads as her comment");
  assert.equal(await shown.getByTestId("draft-edit").count(), 0);
  await keptOffline(ann.page);
  const told = ann.page.getByTestId("unsynced");
  assert.equal(await told.getAttribute("data-count"), "2", "the last words, and that it is said");
  await ann.page.close();
  await here.restart();
  const page = await anotherTab(ann, review.url);
  await committed(here.server, review.id, "Begun, and ended offline");
  await page.getByTestId("thread").filter({ hasText: "Begun, and ended offline" }).getByTestId("comment").waitFor();
  await until(() => page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
});

test("what is submitted before the drafts are open waits for them, and says so", async () => {
  const review = await here.review("Not open yet");
  const network = slowNetwork({ from: /"drafts":true/ });
  const ann = await here.person("Ann", review.url, network.prepare);
  const composer = await compose(ann.page, "src/lib.rs", "head", 3, "Quick");
  await composer.getByTestId("composer-submit").click();
  await composer.getByTestId("composer-waiting").waitFor();
  assert.equal(await textOf(here.server, review.id), "");
  network.release();
  await composer.waitFor({ state: "detached" });
  await committed(here.server, review.id, "Quick");
});
