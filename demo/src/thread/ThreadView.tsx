// A thread below its line: its comments, a place to reply, and whether it is resolved.
import type { Thread } from "interline";
import { memo, useState } from "react";
import { useOpenDrafts, useScope } from "../review/context.ts";
import { replyDraft } from "../review/drafts.ts";
import { useReview } from "../review/use-review.ts";
import { Avatar } from "../presence/Avatar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { CommentView } from "./CommentView.tsx";
import { DraftComposer } from "./DraftComposer.tsx";

export const ThreadView = memo(function ThreadView({ threadId }: { threadId: string }) {
  const { review } = useScope();
  const thread = useReview(review, (r) => r.threadsById[threadId]);
  const [unfolded, setUnfolded] = useState(false);
  if (!thread) return null;
  const folded = thread.resolved && !unfolded;
  return (
    <article
      className="thread"
      data-testid="thread"
      data-id={thread.id}
      data-resolved={thread.resolved}
      data-stop=""
      tabIndex={-1}
      aria-label={`Thread on ${thread.anchor.file}, ${thread.anchor.side} line ${thread.anchor.line}${thread.resolved ? ", resolved" : ""}`}
    >
      {thread.resolved && <ResolvedLine thread={thread} folded={folded} onToggle={() => setUnfolded(folded)} />}
      {!folded && (
        <>
          {thread.comments.map((comment) => (
            <CommentView key={comment.id} comment={comment} />
          ))}
          <ThreadFoot thread={thread} onResolve={() => setUnfolded(false)} />
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

function ThreadFoot({ thread, onResolve }: { thread: Thread; onResolve(): void }) {
  const { review, drafts, own } = useScope();
  const key = replyDraft(thread.id);
  const replying = useOpenDrafts().includes(key);
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
          onFocus={() => own.moveTo(placeOf(thread))}
          onSubmit={(text) => review.get(thread.id).reply(text)}
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

export function placeOf(thread: Pick<Thread, "anchor">) {
  const { file, side, line } = thread.anchor;
  return { file, side, line };
}
