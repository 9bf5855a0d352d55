// Undo and redo in comments that others edit meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, until } from "./browser.mjs";
import { badge, committed } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const shows = (editor, text, what) => until(() => editor.innerText(), (now) => now === text, what);

test("undo and redo go across what somebody else writes in the very same words", async () => {
  const { review, annThread, boThread } = await here.pair("Undo across", "base");
  const annEditor = await edit(annThread);
  const boEditor = await edit(boThread);

  await annEditor.press("Control+End");
  await annEditor.pressSequentially(" one two");
  await shows(boEditor, "base one two", "Bo sees Ann's typing");
  // Into the middle of what Ann typed, and before it.
  await boEditor.press("Control+End");
  for (let n = 0; n < " two".length; n++) await boEditor.press("ArrowLeft");
  await boEditor.pressSequentially("\u{1F600}");
  await boEditor.press("Control+Home");
  await boEditor.pressSequentially("bo ");
  await shows(annEditor, "bo base one\u{1F600} two", "Ann sees Bo's");

  await annEditor.press("Control+z");
  await shows(annEditor, "bo base\u{1F600}", "Ann's typing is taken back, Bo's stays");
  await committed(here.server, review.id, "bo base\u{1F600}");
  await annEditor.press("Control+Shift+Z");
  await shows(annEditor, "bo base one\u{1F600} two", "and comes back around Bo's");
  await annEditor.press("Control+z");
  await annEditor.press("Control+y");
  await committed(here.server, review.id, "bo base one\u{1F600} two", "by either key");
  // There is nothing more of Ann's: Bo's is not hers to take back.
  await annEditor.press("Control+z");
  await annEditor.press("Control+z");
  await annEditor.press("Control+z");
  await committed(here.server, review.id, "bo base\u{1F600}", "never what Bo wrote");
  await shows(boEditor, "bo base\u{1F600}", "and Bo sees that");
});

test("what was typed before a reload can be taken back after it", async () => {
  const review = await here.review("Undo after reload");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "base");
  await committed(here.server, review.id, "base");
  const editor = await edit(thread);
  await editor.press("Control+End");
  await editor.pressSequentially(" more");
  await committed(here.server, review.id, "base more");
  await badge(ann.page, "data-sync", "saved", "saved");
  await ann.page.reload();
  const again = await edit(ann.page.getByTestId("thread").first());
  await shows(again, "base more", "the text is there");
  await ann.page.getByTestId("undo").click();
  await committed(here.server, review.id, "base");
  await ann.page.getByTestId("redo").click();
  await committed(here.server, review.id, "base more");
});

test("keys of undo in a draft stay in the draft", async () => {
  const review = await here.review("Draft");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "base");
  await committed(here.server, review.id, "base");
  await thread.getByTestId("thread-reply").click();
  const draft = thread.getByTestId("composer").locator(".cm-content");
  await draft.click();
  await ann.page.keyboard.type("reply");
  await draft.press("Control+z");
  await until(() => draft.innerText(), (text) => !text.includes("reply"), "the draft is empty again");
  await draft.press("Control+y");
  await shows(draft, "reply", "and full again");
  await committed(here.server, review.id, "base");
});
