// Takes the picture of the demo that the README shows: two people in a review, who have rewritten the same words.
//
//   INTERLINE_SERVER=../../target/debug/interline-server node screenshot.mjs light=../../docs/images/review.png
//
// Others are `dark` and `narrow`. Build the demo and the server first (`cargo xtask build`).

import { readFile } from "node:fs/promises";

import { comment, edit, line, person, startBrowser, until } from "./browser.mjs";
import { readReview, startServer } from "./server.mjs";
import { badge, committed, slowNetwork } from "./tabs.mjs";

const DEVICES = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 375, height: 800 }, hasTouch: true, isMobile: true },
};

const TITLE = "Presence says which patch set somebody looks at";
const FILE = "core/src/presence.rs";

const before = "This needs a test";
const mine = "definitely ";
const theirs = "at least ";

/** Puts the caret behind some words of the text in an editor. */
async function caretBehind(editor, words) {
  await editor.press("Control+Home");
  for (let n = 0; n < words.length; n++) await editor.press("ArrowRight");
}

async function picture(server, browser, device, file, key) {
  const diff = await readFile(new URL("./screenshot.diff", import.meta.url), "utf8");
  const create = `${server.url}/api/reviews?title=${encodeURIComponent(TITLE)}&key=${key}`;
  const review = await (await fetch(create, { method: "POST", body: diff })).json();
  const network = slowNetwork();
  const ann = await person(browser, "Ann Keller", review.url, undefined, DEVICES[device]);
  const bo = await person(browser, "Bo Lindqvist", review.url, network.prepare);
  const { page } = ann;
  await badge(bo.page, "data-state", "connected", "Bo is connected");

  // Bo, on several lines, and Ann's answer, in which both write.
  const number = (n) => line(bo.page, FILE, "head", n).locator(".line-no").last();
  await number(42).click();
  await number(44).click({ modifiers: ["Shift"] });
  await bo.page.getByTestId("range-comment").click();
  await bo.page.keyboard.type("Should an older client see nobody, or everybody as in the newest?");
  await bo.page.keyboard.press("Control+Enter");
  await comment(bo.page, FILE, "head", 41, before);
  await committed(server, review.id, `Should an older client see nobody, or everybody as in the newest?|${before}`);
  const disputed = (of) => of.getByTestId("thread").first();
  const asked = (of) => of.getByTestId("thread").last();

  // The same words, by both, without having seen the other's.
  const annEditor = await edit(disputed(page));
  const boEditor = await edit(disputed(bo.page));
  network.hold();
  await caretBehind(annEditor, "This ");
  await annEditor.pressSequentially(mine);
  await until(() => readReview(server, review.id), ({ comments }) => comments.some(({ text }) => text === `This ${mine}needs a test`), "Ann's is committed");
  const unseen = Date.now();
  await until(() => Date.now() - unseen, (ms) => ms > 2_200, "Bo has not seen it for long");
  await caretBehind(boEditor, "This needs");
  await boEditor.press("Control+Shift+ArrowLeft");
  await boEditor.pressSequentially(`${theirs}needs`);
  await page.getByTestId("toast").filter({ hasText: "also modified this comment" }).waitFor();
  network.release();
  await bo.page.getByTestId("conflict-mark").waitFor();

  await bo.page.getByTestId("comment-done").click();
  await annEditor.press("Control+Enter");
  const root = asked(page);
  await root.getByTestId("thread-reply").press("Enter");
  await root.locator(".cm-content").pressSequentially("The newest: it says so in the protocol");
  await root.locator(".cm-content").press("Control+Enter");
  const answer = (of) => asked(of).getByTestId("comment").nth(1);
  const open = async (of) => {
    await answer(of).getByTestId("comment-edit").press("Enter");
    return answer(of).locator(".cm-content");
  };
  const last = await open(bo.page);
  const own = await open(page);
  await own.press("Control+End");
  await own.pressSequentially(", section 10");
  await page.evaluate(() => scrollTo(0, 0));
  await page.mouse.move(0, 600);
  await until(() => last.innerText(), (text) => text.includes("section 10"), "Bo sees it");
  await last.press("Control+Home");
  for (let n = 0; n < "The newest".length; n++) await last.press("Shift+ArrowRight");
  await page.getByTestId("remote-caret").waitFor({ state: "attached" });
  await page.screenshot({ path: file });
  for (const each of [ann, bo]) {
    if (each.errors.length > 0) throw new Error(each.errors.join("\n"));
    await each.context.close();
  }
}

const wanted = process.argv.slice(2).map((word) => word.split("="));
const server = await startServer();
const browser = await startBrowser();
try {
  for (const [at, [device, file]] of wanted.entries()) await picture(server, browser, device, file, `pr-${456 + at}`);
} finally {
  await browser.close();
  await server.stop();
}
