// A thread below its line: its comments, a place to reply, and whether it is resolved.
import type { PlacedAnchor, Thread } from "interline";
import { memo, useState } from "react";
import { useOpenDrafts, useScope } from "../review/context.ts";
import { ThreadDrafts } from "../drafts/ThreadDrafts.tsx";
import { anchorIn, isOutdated, standing, useShown } from "../patchset/shown.ts";
import { replyDraft } from "../review/drafts.ts";
import { useReview } from "../review/use-review.ts";
import { useRead } from "../visits/use-read.ts";
import { Avatar } from "../presence/Avatar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { CommentView } from "./CommentView.tsx";
import { DraftComposer } from "./DraftComposer.tsx";
import { LostReply } from "./LostReply.tsx";
import { PlaceNote } from "./PlaceNote.tsx";
import { RangeNote } from "./RangeNote.tsx";

export const ThreadView = memo(function ThreadView({ threadId }: { threadId: string }) {
  const { review } = useScope();
  const thread = useReview(review, (r) => r.threadsById[threadId]);
  const [unfolded, setUnfolded] = useState(false);
  const shown = useShown();
  const [root, fresh] = useRead(threadId);
  const disputed = useReview(review, (r) => r.conflicts.some(({ commentId }) => thread?.comments.some(({ id }) => id === commentId)));
  if (!thread) return null;
  // What is in conflict is in sight until that is settled.
  const folded = thread.resolved && !unfolded && !disputed;
  const [first] = thread.comments;
  const anchor = first ? anchorIn(shown, first) : thread.anchor;
  return (
    <article
      ref={root}
      className="thread"
      data-testid="thread"
      data-id={thread.id}
      data-resolved={thread.resolved}
      data-fresh={fresh}
      data-stop=""
      tabIndex={-1}
      data-state={standing(thread)?.state}
      aria-label={`Thread on ${anchor.file}, ${linesOf(anchor)}${isOutdated(thread) ? ", outdated" : ""}${thread.resolved ? ", resolved" : ""}`}
    >
      {fresh && <p className="thread-fresh">New</p>}
      {thread.resolved && <ResolvedLine thread={thread} folded={folded} onToggle={() => setUnfolded(folded)} />}
      {!folded && (
        <>
          {anchor.lastLine !== undefined && (!shown.newest || !isOutdated(thread)) && <RangeNote range={anchor} />}
          <PlaceNote thread={thread} />
          {thread.comments.map((comment) => (
            <CommentView key={comment.id} comment={comment} />
          ))}
          <ThreadDrafts threadId={thread.id} />
          <ThreadFoot thread={thread} anchor={anchor} onResolve={() => setUnfolded(false)} />
        </>
      )}
    </article>
  );
});

function ResolvedLine({ thread, folded, onToggle }: { thread: Thread; folded: boolean; onToggle(): void }) {
  const root = thread.comments.find((comment) => !comment.removed);
  const count = thread.comments.filter((comment) => !comment.removed).length;
  return (
    <button type="button" className="resolved-line" data-testid="thread-expand" aria-expanded={!folded} onClick={onToggle}>
      <Icon name="check" />
      <strong>Resolved</strong>
      {folded && root && (
        <>
          <Avatar user={root.author} size={18} />
          <span className="resolved-text">{root.text}</span>
          <span className="resolved-count">
            {count} {count === 1 ? "comment" : "comments"}
          </span>
        </>
      )}
      <span className="resolved-toggle">{folded ? "Show" : "Hide"}</span>
    </button>
  );
}

function ThreadFoot({ thread, anchor, onResolve }: { thread: Thread; anchor: PlacedAnchor; onResolve(): void }) {
  const { review, drafts, own } = useScope();
  const key = replyDraft(thread.id);
  const replying = useOpenDrafts().includes(key);
  // A thread goes on without the comment that began it, for as long as somebody's answer is there.
  if (thread.comments.every((comment) => comment.removed)) return replying ? <LostReply draft={key} /> : null;
  const toggle = () => {
    const root = review.get(thread.id);
    if (thread.resolved) {
      root.reopen();
    } else {
      root.resolve();
      onResolve();
    }
  };
  return (
    <footer className="thread-foot">
      {replying ? (
        <DraftComposer
          draft={key}
          label="Reply"
          submitLabel="Reply"
          onFocus={() => own.moveTo(anchor)}
          onKeep={(kept, text) => kept.add({ threadId: thread.id }, text)}
        />
      ) : (
        <div className="thread-actions">
          <button type="button" className="button small" data-testid="thread-reply" onClick={() => drafts.start(key)}>
            <Icon name="reply" /> Reply
          </button>
          <button type="button" className="button small quiet" data-testid="thread-resolve" onClick={toggle}>
            <Icon name={thread.resolved ? "sync" : "check"} /> {thread.resolved ? "Reopen" : "Resolve"}
          </button>
        </div>
      )}
    </footer>
  );
}

function linesOf({ side, line, lastLine }: PlacedAnchor): string {
  return lastLine === undefined ? `${side} line ${line}` : `${side} lines ${line} to ${lastLine}`;
}
