// Two people in two browsers, one real server: they edit one comment at once, see each other, and lose nothing
// when the server is killed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, decide, edit, line, until } from "./browser.mjs";
import { readReview, startTypist } from "./server.mjs";
import { committed, DIFF, textOf } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

test("two people edit one comment at the same time and see each other", async () => {
  const review = await here.review("Live editing");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);

  // Each sees the diff, and that the other is there.
  await line(ann.page, "grüße.txt", "head", 1).waitFor();
  assert.match(await line(ann.page, "src/lib.rs", "head", 3).innerText(), /let y = x;/);
  await until(() => ann.page.getByTestId("avatar").count(), (n) => n === 1, "Ann sees Bo's avatar");

  const annThread = await comment(ann.page, "src/lib.rs", "head", 3, "Please rename");
  const boThread = bo.page.getByTestId("thread").filter({ hasText: "Please rename" });
  await boThread.waitFor();

  const annEditor = await edit(annThread);
  const boEditor = await edit(boThread);
  await annEditor.press("Control+Home");
  await boEditor.press("Control+End");
  // Both type at once, in turns too short for either to have seen the other's.
  const annTypes = "Nit \u{1F600}: ";
  const boTypes = " to total \u4e2d\u6587.";
  await Promise.all([
    annEditor.pressSequentially(annTypes, { delay: 7 }),
    boEditor.pressSequentially(boTypes, { delay: 7 }),
  ]);
  const expected = `${annTypes}Please rename${boTypes}`;
  await until(() => annEditor.innerText(), (text) => text.includes(expected), "Ann's editor");
  await until(() => boEditor.innerText(), (text) => text.includes(expected), "Bo's editor");
  await committed(here.server, review.id, expected, "the committed text");

  // Ann sees Bo's caret, and Bo Ann's.
  await annThread.getByTestId("remote-caret").waitFor({ state: "attached" });
  await boThread.getByTestId("remote-caret").waitFor({ state: "attached" });
  await ann.context.close();
  await until(() => bo.page.getByTestId("avatar").count(), (n) => n === 0, "Ann's avatar goes with her");
  await bo.context.close();
});

test("two native clients and a browser edit one comment at the same time", async () => {
  const review = await here.review("Native and browser");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 3, "Ann:");
  await committed(here.server, review.id, "Ann:", "the comment is committed");
  const editor = await edit(thread);
  await editor.press("Control+Home");
  const count = 40;
  const typists = ["left", "right"].map((name) => startTypist(here.server, review.id, name, count));
  const typed = "I type as well \u{1F600} ";
  await editor.pressSequentially(typed, { delay: 10 });
  const texts = await Promise.all(typists);
  const stored = await until(
    () => textOf(here.server, review.id),
    (text) => text.startsWith(`${typed}Ann:`),
    "Ann's typing is committed",
  );
  for (const text of texts) assert.ok(stored.endsWith(text.slice(text.indexOf("Ann:"))), "natives show what is stored");
  for (const name of ["left", "right"]) {
    for (let n = 0; n < count; n++) assert.equal(stored.split(`<${name} ${n}>`).length, 2, `${name} ${n}, once`);
  }
  await until(() => editor.innerText(), (text) => text.replaceAll("\n", "") === stored, "the browser shows it too");
});

test("undo takes back one's own typing alone", async () => {
  const { review, annThread, boThread } = await here.pair("Undo", "base");
  const annEditor = await edit(annThread);
  const boEditor = await edit(boThread);
  await annEditor.press("Control+End");
  await annEditor.pressSequentially(" ann");
  await until(() => boEditor.innerText(), (text) => text.includes("base ann"), "Bo sees Ann's");
  await boEditor.press("Control+Home");
  await boEditor.pressSequentially("bo ");
  await until(() => annEditor.innerText(), (text) => text.includes("bo base ann"), "Ann sees Bo's");
  await annEditor.press("Control+z");
  await committed(here.server, review.id, "bo base", "Bo's typing stays");
});

test("replies, resolving, removing and the decision reach everybody", async () => {
  const review = await here.review("All changes");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "base", 2, "Why one?");
  const boThread = bo.page.getByTestId("thread").filter({ hasText: "Why one?" });
  await boThread.waitFor();

  await boThread.getByTestId("thread-reply").click();
  const composer = boThread.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await bo.page.keyboard.type("Because");
  await composer.getByTestId("composer-submit").click();
  await thread.getByText("Because").waitFor();

  await thread.getByTestId("thread-resolve").click();
  await until(() => boThread.getAttribute("data-resolved"), (value) => value === "true", "Bo sees it resolved");
  await decide(bo.page, "approved");
  await until(() => ann.page.getByTestId("status").getAttribute("data-status"), (v) => v === "approved", "Ann sees it");
  const stored = await until(
    () => readReview(here.server, review.id),
    (now) => now.status === "approved" && now.comments.length === 2 && now.comments[0].resolved,
    "all of it is committed",
  );
  assert.equal(stored.comments[0].anchor.side, "base");
});

test("markup in a comment is text", async () => {
  const review = await here.review("Markup");
  const ann = await here.person("Ann", review.url);
  const hostile = '<img src=x onerror="window.hacked=1"><b>bold</b>';
  const thread = await comment(ann.page, "src/lib.rs", "head", 1, hostile);
  assert.ok((await thread.innerText()).includes(hostile));
  assert.equal(await ann.page.evaluate(() => window.hacked), undefined);
});

test("a page lists reviews and takes a pasted diff; a bad one is told by its line", async () => {
  const ann = await here.person("Ann", `${here.server.url}/new`);
  await ann.page.getByTestId("new-title").fill("Pasted");
  await ann.page.getByTestId("new-diff").fill("this is no diff\n");
  await ann.page.getByTestId("new-create").click();
  assert.match(await ann.page.getByTestId("new-error").innerText(), /line/i);
  assert.equal(await ann.page.getByTestId("new-diff").inputValue(), "this is no diff\n");
  await ann.page.getByTestId("new-diff").fill(DIFF);
  await ann.page.getByTestId("new-create").click();
  await line(ann.page, "src/lib.rs", "head", 2).waitFor();
  await ann.page.goto(here.server.url);
  await ann.page.getByTestId("review-row").filter({ hasText: "Pasted" }).waitFor();
});

test("typing goes on while the server is killed, and nothing is lost or doubled", async () => {
  const review = await here.review("Killed");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start", "the first text is committed");
  const editor = await edit(thread);
  await editor.press("Control+End");
  await editor.pressSequentially(" before");
  await here.server.kill();
  await editor.pressSequentially(" while away", { delay: 5 });
  const badge = ann.page.getByTestId("connection");
  await until(() => badge.getAttribute("data-state"), (state) => state !== "connected", "the page says so");
  assert.ok((await editor.innerText()).includes("start before while away"));
  await here.restart();
  await committed(here.server, review.id, "start before while away", "all of it arrives once", 45_000);
  await until(() => badge.getAttribute("data-state"), (state) => state === "connected", "the page says so");
});
