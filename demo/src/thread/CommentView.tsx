// One comment: plain text to read, a live editor once somebody presses it.
import type { CommentData } from "interline";
import { memo, useState, type MouseEvent } from "react";
import { ConflictMark, useConflict } from "../conflicts/ConflictMark.tsx";
import { CommentEditor } from "../editor/CommentEditor.tsx";
import type { EditStart } from "../editor/live-editor.ts";
import { HistoryDialog } from "../history/HistoryDialog.tsx";
import { Avatar } from "../presence/Avatar.tsx";
import { hueStyle } from "../presence/color.ts";
import { othersIn } from "../presence/people.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { RemoveControl } from "./RemoveControl.tsx";

export const CommentView = memo(function CommentView({ comment }: { comment: CommentData }) {
  const { me } = useScope();
  const [start, setStart] = useState<EditStart>();
  const [past, setPast] = useState(false);

  const conflict = useConflict(comment.id);

  if (comment.removed) {
    return (
      <div className="comment removed" data-testid="comment" data-id={comment.id} data-author={comment.author.id} data-removed="true" data-conflict={conflict !== undefined}>
        <Icon name="trash" />
        Comment removed
        {conflict && <ConflictMark conflict={conflict} />}
      </div>
    );
  }
  const press = (event: MouseEvent) => {
    // Somebody who selects text to copy it does not want to edit.
    if (getSelection()?.isCollapsed === false) return;
    const range = document.createRange();
    range.selectNodeContents(event.currentTarget);
    const text = range.getBoundingClientRect();
    setStart({ x: event.clientX - text.left, y: event.clientY - text.top });
  };
  return (
    <div className="comment" data-testid="comment" data-id={comment.id} data-author={comment.author.id} data-pending={comment.pending} data-conflict={conflict !== undefined}>
      <Avatar user={comment.author} size={26} />
      <div className="comment-main">
        <header className="comment-head">
          <strong>{comment.author.displayName}</strong>
          <RelativeTime at={comment.createdAt} />
          {comment.pending && (
            <span className="comment-pending" title="Not saved on the server yet">
              <Icon name="sync" size={13} /> Saving
            </span>
          )}
          <EditingPeople commentId={comment.id} />
          <span className="comment-tools">
            {!start && (
              <button type="button" className="icon-button small" data-testid="comment-edit" aria-label="Edit" title="Edit" onClick={() => setStart("end")}>
                <Icon name="pencil" />
              </button>
            )}
            <button
              type="button"
              className="icon-button small"
              data-testid="comment-history"
              aria-label="History"
              title="History"
              aria-haspopup="dialog"
              onClick={() => setPast(true)}
            >
              <Icon name="clock" />
            </button>
            {comment.author.id === me.id && <RemoveControl commentId={comment.id} />}
          </span>
        </header>
        {conflict && <ConflictMark conflict={conflict} />}
        {start ? (
          <CommentEditor comment={comment} start={start} onDone={() => setStart(undefined)} />
        ) : (
          <div className="comment-text" data-testid="comment-text" onClick={press} title="Press to edit">
            {comment.text || <em>Empty</em>}
          </div>
        )}
      </div>
      {past && <HistoryDialog commentId={comment.id} onClose={() => setPast(false)} />}
    </div>
  );
});

/** Who else has their caret in this comment right now. */
function EditingPeople({ commentId }: { commentId: string }) {
  const { review, me } = useScope();
  const presence = useReview(review, (r) => r.presence);
  const here = presence.filter((session) => session.selection?.commentId === commentId && session.isActive);
  const people = othersIn(here, me.id);
  const [first] = people;
  if (!first) return null;
  const names = people.map((person) => person.displayName);
  const text = names.length > 2 ? `${names.length} people are editing…` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} editing…`;
  return (
    <span className="comment-editing" data-testid="comment-editing" style={hueStyle(first.userId)}>
      {text}
    </span>
  );
}
