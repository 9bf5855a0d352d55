// The set-up of a file of tests: one server, one Chromium, and the people of each test.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";

import { comment, person, startBrowser } from "./browser.mjs";
import { createReview, startServer } from "./server.mjs";
import { DIFF } from "./tabs.mjs";

/**
 * What all tests of a file share. A test may kill the server: the next one finds it running again. After each test the
 * pages of its people are closed, and an error that one of them threw fails the test.
 */
export function world() {
  let server;
  let browser;
  let people = [];

  before(async () => {
    server = await startServer();
    browser = await startBrowser();
  });

  beforeEach(async () => {
    if (!server.running) await here.restart();
  });

  afterEach(async () => {
    const [gone, errors] = [people, people.flatMap((each) => each.errors)];
    people = [];
    await Promise.all(gone.map((each) => each.context.close()));
    assert.deepEqual(errors, [], "errors on the pages");
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const here = {
    get server() {
      return server;
    },

    /** Starts the killed server again, with the same data at the same address. */
    async restart() {
      server = await startServer({ data: server.data, port: server.port });
    },

    /** Creates a review of the diff that most tests use. */
    async review(title, diff = DIFF) {
      return createReview(server, diff, title);
    },

    /** A person with an empty profile who has a page open; `prepare` gets their browser context before it has one, `device` is a size, touch and the like. */
    async person(name, url, prepare, device) {
      const made = await person(browser, name, url, prepare, device);
      people.push(made);
      return made;
    },

    /** Ann and Bo with a new review open, in which Ann has written a comment that both see. */
    async pair(title, text) {
      const review = await here.review(title);
      const ann = await here.person("Ann", review.url);
      const bo = await here.person("Bo", review.url);
      const annThread = await comment(ann.page, "src/lib.rs", "head", 2, text);
      const boThread = bo.page.getByTestId("thread").filter({ hasText: text });
      await boThread.waitFor();
      return { review, ann, bo, annThread, boThread };
    },
  };
  return here;
}
