// Turns what went differently than somebody wanted into messages: refused changes, lost races, errors.
import type { CommentData, Rejected, Review, Superseded, User } from "interline";
import { useEffect } from "react";
import { words } from "../rejected/words.ts";
import { pushToast } from "../ui/toasts.ts";
import { statusLabels } from "./status.ts";

/** The title last written here: should it lose against somebody else's, it can still be copied. */
const titles = new WeakMap<Review, string>();

export function noteTitle(review: Review, title: string): void {
  titles.set(review, title);
}

/** Reviews whose rejections from before were mentioned. */
const mentioned = new WeakSet<Review>();

export function useNotices(review: Review, me: User, openRejected: () => void): void {
  useEffect(() => {
    if (!mentioned.has(review)) showKept(review, openRejected);
    mentioned.add(review);
    const offs = [
      review.on("rejected", (rejected) => showRejected(review, rejected, openRejected)),
      review.on("superseded", (lost) => showLost(`${lost.by.displayName} was faster`, lost, writtenIn(review, lost))),
      review.on("overwritten", (lost) => showLost(`${lost.by.displayName} wrote over your change`, lost, writtenIn(review, lost), true)),
      review.on("error", (error) => pushToast({ tone: "warning", title: "Something went wrong", detail: error.message })),
      review.on("comment", ({ commentId, kind, origin, author }) => {
        if (kind === "removed" && origin === "remote" && author.id !== me.id) showRemoved(review, commentId, author);
      }),
    ];
    return () => offs.forEach((off) => off());
  }, [review, me.id, openRejected]);
}

/** A change that cannot be applied here at all: the text must not be lost with it. */
export function showRefused(title: string, error: unknown, text?: string): void {
  const detail = error instanceof Error ? error.message : undefined;
  pushToast({ tone: "warning", title, ...(text !== undefined && { text, unsaved: true }), ...(detail ? { detail } : {}) });
}

/** A draft was published, and its composer has words that were not in it. */
export function showLeft(): void {
  pushToast({
    tone: "warning",
    title: "Published without your last words",
    detail: "The draft was published before it had all that you typed. Your text is still in the editor: see what of it is missing.",
  });
}

/** The text itself is safe: it waits in the panel that the message leads to. */
function showRejected(review: Review, rejected: Rejected, open: () => void): void {
  const { title, detail } = words(rejected);
  const about = `${review.data.id} ${rejected.id}`;
  pushToast({ tone: "warning", title, ...(detail && { detail }), about, action: { label: "Show", run: open } });
}

/** What was here when the review was opened. */
function showKept(review: Review, open: () => void): void {
  const count = review.rejected.length;
  if (count === 0) return;
  const title = count === 1 ? "A change of yours was not applied" : `${count} changes of yours were not applied`;
  pushToast({ tone: "warning", title, about: review.data.id, action: { label: "Show", run: open } });
}

function writtenIn(review: Review, { field }: Superseded): string | undefined {
  return field === "title" ? titles.get(review) : undefined;
}

function showLost(title: string, { field, by, value }: Superseded, written?: string, later = false): void {
  pushToast({
    tone: "info",
    title,
    detail: describe(field, by.displayName, value, later),
    ...(written ? { text: written } : {}),
  });
}

/** What stands now. `later`: the other had not seen this user's change, and came after it. */
function describe(field: string, name: string, value: string | boolean, later: boolean): string {
  if (field === "status" && typeof value === "string") {
    const label = value in statusLabels ? statusLabels[value as keyof typeof statusLabels] : value;
    return `The status is "${label}" now; your change to it was replaced.`;
  }
  if (field === "title") return `The title is "${value}" now; yours was replaced.`;
  if (field === "resolved") return `${name} ${value ? "resolved" : "reopened"} the thread ${later ? "without having seen your change" : "at the same time"}.`;
  return `Your change of "${field}" was replaced.`;
}

/** What the message about a comment's removal is about. */
export function removalOf(commentId: string): string {
  return `removed ${commentId}`;
}

/** Said only to somebody who is writing in the comment; everybody else simply sees it go. A conflict says more. */
function showRemoved(review: Review, commentId: string, author: User): void {
  const editing = document.querySelector(`[data-comment-editor="${CSS.escape(commentId)}"]`);
  if (!editing || review.conflicts().some((conflict) => conflict.commentId === commentId)) return;
  let data: CommentData | undefined;
  try {
    data = review.get(commentId).data;
  } catch {
    // Gone for good: there is no text left to offer.
  }
  pushToast({
    tone: "warning",
    title: `${author.displayName} removed this comment while you were editing it`,
    about: removalOf(commentId),
    ...(data?.text ? { text: data.text } : {}),
  });
}
