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
  if (publication) return notPublished(publication, code, message);
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

/** Why nothing of a publication has happened: of one comment, or of a review of drafts. */
function notPublished({ ids, decision }: NonNullable<Rejected["publication"]>, code: string, message: string): Words {
  const one = ids.length === 1 && decision === undefined;
  const why = hindrance(code, one) ?? `The server said: ${message || code}.`;
  return one
    ? { title: "Your comment was not published", detail: `${why} It is still a draft.` }
    : { title: "Your drafts were not published", detail: `${why} Nothing of it has happened: they are still drafts.` };
}

/** What stood against it, as a sentence. Of several, one can be left out. */
function hindrance(code: string, one: boolean): string | undefined {
  const [which, rest] = one ? ["It", "."] : ["One of them", ": leave it out."];
  switch (code) {
    case "comment_removed":
      return `${which} was removed, or answers a comment that was${rest}`;
    case "unknown_comment":
      return `${which} answers a comment that the review does not have${rest}`;
    case "unknown_line":
      return `${which} is on a line that the diff does not have${rest}`;
    case "published":
      return one ? "It was published meanwhile, as on another device." : "Some of them were published meanwhile, as on another device.";
    case "too_many_comments":
      return one ? "The review has as many comments as the server takes." : "They are more comments than the server takes: choose fewer.";
    case "review_too_large":
      return one ? "The review has as much text as the server takes." : "They are more text than the server takes: choose fewer.";
    case "text_too_long":
      return one ? "Its text is too long." : "The text of one of them is too long.";
    case "note_too_long":
      return "The note of the decision is too long.";
    default:
      return undefined;
  }
}

/** Where it was, for people. */
export function placeWords({ anchor }: Rejected): string | undefined {
  return anchor && `${anchor.file}, ${rangeWords(anchor)}`;
}
