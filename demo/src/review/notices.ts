// Turns what went differently than somebody wanted into messages: refused changes, lost races, errors.
import type { CommentData, Rejected, Review, Superseded, User } from "interline";
import { useEffect } from "react";
import { currentToasts, pushToast } from "../ui/toasts.ts";
import { statusLabels } from "./status.ts";

/** The title last written here: should it lose against somebody else's, it can still be copied. */
const titles = new WeakMap<Review, string>();

export function noteTitle(review: Review, title: string): void {
  titles.set(review, title);
}

/** How many of a review's rejections were shown. Those that come while nobody looks are shown later. */
const shown = new WeakMap<Review, number>();

export function useNotices(review: Review, me: User): void {
  useEffect(() => {
    showRejected(review, review.rejected.slice(shown.get(review)));
    const offs = [
      review.on("rejected", (rejected) => showRejected(review, [rejected])),
      review.on("superseded", (lost) => showSuperseded(lost, lost.field === "title" ? titles.get(review) : undefined)),
      review.on("error", (error) => pushToast({ tone: "warning", title: "Something went wrong", detail: error.message })),
      review.on("comment", ({ commentId, kind, origin, author }) => {
        if (kind === "removed" && origin === "remote" && author.id !== me.id) showRemoved(review, commentId, author);
      }),
    ];
    return () => offs.forEach((off) => off());
  }, [review, me.id]);
}

/** A change that cannot be applied here at all: the text must not be lost with it. */
export function showRefused(title: string, error: unknown, text: string): void {
  const detail = error instanceof Error ? error.message : undefined;
  pushToast({ tone: "warning", title, text, ...(detail ? { detail } : {}) });
}

function showRejected(review: Review, rejected: Rejected[]): void {
  shown.set(review, review.rejected.length);
  const about = review.data.id;
  for (const { message, code, text } of rejected) {
    pushToast({
      tone: "warning",
      title: "A change was not accepted",
      detail: message || code,
      ...(text ? { text } : {}),
      about,
      onGone: () => discardShown(review, about),
    });
  }
}

/** Once the last of them is dismissed, the review need not keep them any longer. */
function discardShown(review: Review, about: string): void {
  if (currentToasts().some((toast) => toast.about === about)) return;
  try {
    if (review.rejected.length > (shown.get(review) ?? 0)) return;
    review.discardRejected();
    shown.set(review, 0);
  } catch {
    // Closed since: whatever it kept is shown when it is opened again.
  }
}

function showSuperseded({ field, by, value }: Superseded, written?: string): void {
  pushToast({
    tone: "info",
    title: `${by.displayName} was faster`,
    detail: describe(field, by.displayName, value),
    ...(written ? { text: written } : {}),
  });
}

function describe(field: string, name: string, value: string | boolean): string {
  if (field === "status" && typeof value === "string") {
    const label = value in statusLabels ? statusLabels[value as keyof typeof statusLabels] : value;
    return `The status is "${label}" now; your change to it was replaced.`;
  }
  if (field === "title") return `The title is "${value}" now; yours was replaced.`;
  if (field === "resolved") return `${name} ${value ? "resolved" : "reopened"} the thread at the same time.`;
  return `Your change of "${field}" was replaced.`;
}

/** Said only to somebody who is writing in the comment; everybody else simply sees it go. */
function showRemoved(review: Review, commentId: string, author: User): void {
  const editing = document.querySelector(`[data-comment-editor="${CSS.escape(commentId)}"]`);
  if (!editing) return;
  let data: CommentData | undefined;
  try {
    data = review.get(commentId).data;
  } catch {
    // Gone for good: there is no text left to offer.
  }
  pushToast({
    tone: "warning",
    title: `${author.displayName} removed this comment while you were editing it`,
    ...(data?.text ? { text: data.text } : {}),
  });
}
