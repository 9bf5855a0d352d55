// Why something was not applied, in plain words.
import type { Rejected, RejectedCause } from "interline";
import { rangeWords } from "../diff/ranges.ts";

interface Words {
  title: string;
  detail?: string;
}

/** What was saved once, or waited elsewhere, comes back as a draft: nobody refused it. */
export function isRecovered({ cause }: Rejected): boolean {
  return cause === "history_lost" || cause === "copied_store";
}

export function words(rejected: Rejected): Words {
  if (rejected.cause === "refused") return refused(rejected);
  return causes[rejected.cause];
}

const causes: Record<Exclude<RejectedCause, "refused">, Words> = {
  overlap: {
    title: "Somebody rewrote the same words",
    detail: "Both texts were merged while you were away. Check that what stands now is what you meant.",
  },
  history_lost: {
    title: "Recovered draft: the server lost this",
    detail: "The server had saved it and does not have it any more, as after a restored backup. It was not sent again by itself.",
  },
  copied_store: {
    title: "Recovered draft: from a copy of this browser's data",
    detail: "It waited in data that was copied or restored, and may have been sent from the original already.",
  },
  already_settled: {
    title: "Somebody else had settled this already",
    detail: "This was written to settle a conflict that was over before it arrived. What stands now is what they chose.",
  },
  unplaceable: {
    title: "What this was written in is gone",
    detail: "The text that it changed is not there any more, so that it could not be put in its place.",
  },
};

function refused({ code, message, publication }: Rejected): Words {
  if (publication?.ids.length === 1 && publication.decision === undefined) {
    return { title: "Your comment was not published", detail: `${singleWords(code, message)} It is still a draft.` };
  }
  if (publication) {
    return { title: "Your drafts were not published", detail: `${publicationWords(code, message)} Nothing of it has happened: they are still drafts.` };
  }
  switch (code) {
    case "published":
      return { title: "The draft was published meanwhile", detail: "Try again to say this in the published comment." };
    case "comment_removed":
      return { title: "The comment was removed meanwhile", detail: "Try again to say the same in a new comment." };
    case "unknown_line":
      return { title: "The diff has no such line", detail: "Comments can only be on lines that the diff shows." };
    case "text_too_long":
      return { title: "The text is too long", detail: message };
    case "not_allowed":
      return { title: "You may not change this", detail: message };
    default:
      return { title: "The server did not accept this", detail: message || code };
  }
}

/** What stood against publishing drafts, as a sentence. */
function publicationWords(code: string, message: string): string {
  switch (code) {
    case "comment_removed":
      return "One of them was removed, or answers a comment that was: leave it out.";
    case "unknown_comment":
      return "One of them answers a comment that the review does not have: leave it out.";
    case "unknown_line":
      return "One of them is on a line that the diff does not have: leave it out.";
    case "published":
      return "Some of them were published meanwhile, as on another device.";
    case "too_many_comments":
      return "They are more comments than the server takes: choose fewer.";
    case "review_too_large":
      return "They are more text than the server takes: choose fewer.";
    case "text_too_long":
      return "The text of one of them is too long.";
    case "note_too_long":
      return "The note of the decision is too long.";
    default:
      return `The server said: ${message || code}.`;
  }
}

/** The same of a single one. */
function singleWords(code: string, message: string): string {
  switch (code) {
    case "comment_removed":
      return "It was removed, or answers a comment that was.";
    case "unknown_comment":
      return "It answers a comment that the review does not have.";
    case "unknown_line":
      return "It is on a line that the diff does not have.";
    case "too_many_comments":
      return "The review has as many comments as the server takes.";
    case "review_too_large":
      return "The review has as much text as the server takes.";
    case "text_too_long":
      return "Its text is too long.";
    default:
      return `The server said: ${message || code}.`;
  }
}

/** Where it was, for people. */
export function placeWords({ anchor }: Rejected): string | undefined {
  return anchor && `${anchor.file}, ${rangeWords(anchor)}`;
}
