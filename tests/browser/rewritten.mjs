// Two people who rewrite the same words without having seen each other's.

import assert from "node:assert/strict";

import { edit, until } from "./browser.mjs";
import { badge, committed, keptOffline, offline } from "./tabs.mjs";

/** The text before, what each makes of it, and both merged. */
export const TEXTS = {
  base: "This needs refactoring",
  ann: "This definitely needs refactoring",
  bo: "This might need refactoring",
  merged: "This definitely might need refactoring",
};

/** Keystrokes are in conflict with what their author had not seen for this long. */
const UNSEEN_MS = 2_000;

/** Ann and Bo, who is offline, rewrite the same words of a comment; then Bo is back, and both texts are merged. */
export async function rewritten(here, title) {
  const pair = await here.pair(title, TEXTS.base);
  const { review, ann, bo } = pair;
  await committed(here.server, review.id, TEXTS.base);
  await badge(bo.page, "data-state", "connected", "Bo is connected");
  const annEditor = await edit(ann.page.getByTestId("thread").first());
  const boEditor = await edit(bo.page.getByTestId("thread").first());
  await offline(bo);

  await annEditor.press("Control+Home");
  for (let n = 0; n < "This ".length; n++) await annEditor.press("ArrowRight");
  await annEditor.pressSequentially("definitely ");
  await committed(here.server, review.id, TEXTS.ann);
  const written = Date.now();
  await boEditor.press("Control+Home");
  for (let n = 0; n < "This ".length; n++) await boEditor.press("ArrowRight");
  await boEditor.pressSequentially("might ");
  for (let n = 0; n < "needs".length; n++) await boEditor.press("ArrowRight");
  await boEditor.press("Backspace");
  assert.equal(await boEditor.innerText(), TEXTS.bo);
  await keptOffline(bo.page);
  await until(() => Date.now() - written, (ms) => ms > UNSEEN_MS, "Bo has not seen Ann's for long");
  await bo.context.setOffline(false);
  await committed(here.server, review.id, TEXTS.merged, "the merged text stands", 45_000);
  return pair;
}
