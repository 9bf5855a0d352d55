// What tests on composers and private drafts share.

import { compose } from "./browser.mjs";
import { anotherTab } from "./tabs.mjs";

/** The draft that says something. */
export const draft = (page, text) => page.getByTestId("draft").filter({ hasText: text });

/** A page of the same user in another browser; its profile is empty but for who they are. */
export async function otherDevice({ page, context, errors }, url, prepare) {
  const user = await page.evaluate(() => localStorage.getItem("interline.user"));
  const other = await context.browser().newContext();
  await other.addInitScript((saved) => localStorage.setItem("interline.user", saved), user);
  return anotherTab({ context: other, errors }, url, prepare);
}

/** Writes a comment on a line and keeps it as a draft; resolves to its locator. */
export async function keep(page, path, side, number, text) {
  const composer = await compose(page, path, side, number, text);
  await composer.getByTestId("composer-close").click();
  const kept = draft(page, text);
  await kept.waitFor();
  return kept;
}
