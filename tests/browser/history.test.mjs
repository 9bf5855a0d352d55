// A comment's past: who wrote what, and back to any of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, focus, until } from "./browser.mjs";
import { badge, committed } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

test("every version is told with its author, and an old one is restored for everybody", async () => {
  const { review, ann, bo, annThread, boThread } = await here.pair("History", "first \u{1F600}");
  await committed(here.server, review.id, "first \u{1F600}");
  const boEditor = await edit(boThread);
  await boEditor.press("Control+Home");
  await boEditor.pressSequentially("bo's ");
  await committed(here.server, review.id, "bo's first \u{1F600}");

  const open = annThread.getByTestId("comment-history");
  await annThread.getByTestId("comment").hover();
  await open.click();
  const versions = ann.page.getByTestId("history-version");
  await versions.first().waitFor();
  const annId = await ann.page.getByTestId("account").getAttribute("data-user");
  const boId = await bo.page.getByTestId("account").getAttribute("data-user");
  const oldest = versions.last();
  assert.equal(await versions.first().getAttribute("data-author"), boId);
  assert.equal(await oldest.getAttribute("data-author"), annId);
  assert.match(await versions.first().innerText(), /Bo/);
  const text = ann.page.getByTestId("history-text");
  // Typing may have gone out in several batches: then the last one's text shows what it took the place of, too.
  const stands = (element) => [...element.children].filter(({ tagName }) => tagName !== "DEL").map(({ textContent }) => textContent).join("");
  assert.equal(await text.evaluate(stands), "bo's first \u{1F600}");
  assert.ok(await ann.page.getByTestId("history-restore").isDisabled(), "it is this version already");

  // By keyboard: to the oldest, whose text is all new.
  await versions.first().focus();
  await ann.page.keyboard.press("End");
  await until(() => oldest.getAttribute("aria-selected"), (value) => value === "true", "the oldest is selected");
  assert.equal(await text.locator("ins").innerText(), "first \u{1F600}");
  await ann.page.keyboard.press("Escape");
  await ann.page.getByTestId("history").waitFor({ state: "detached" });
  await until(() => focus(ann.page), (id) => id === "comment-history", "the focus is back");

  await ann.page.keyboard.press("Enter");
  await versions.first().waitFor();
  await oldest.click();
  await ann.page.getByTestId("history-restore").click();
  await ann.page.getByTestId("history").waitFor({ state: "detached" });
  await committed(here.server, review.id, "first \u{1F600}");
  await until(() => boEditor.innerText(), (now) => now === "first \u{1F600}", "Bo's editor shows it");
});

test("without a connection there is no history, and it says so", async () => {
  const review = await here.review("No history");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "alone");
  await committed(here.server, review.id, "alone");
  await ann.context.setOffline(true);
  await badge(ann.page, "data-state", "disconnected", "offline", 30_000);
  await thread.getByTestId("comment").hover();
  await thread.getByTestId("comment-history").click();
  await ann.page.getByTestId("history-error").waitFor();
  await ann.context.setOffline(false);
  await badge(ann.page, "data-state", "connected", "back", 30_000);
  await ann.page.getByTestId("history-error").getByRole("button").click();
  await ann.page.getByTestId("history-version").first().waitFor();
  assert.equal(await ann.page.getByTestId("history-text").innerText(), "alone");
});
