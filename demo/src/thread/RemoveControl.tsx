// Removes a comment, after asking in place.
import { useEffect, useRef, useState } from "react";
import { useScope } from "../review/context.ts";
import { Icon } from "../ui/Icon.tsx";

export function RemoveControl({ commentId }: { commentId: string }) {
  const { review } = useScope();
  const [asking, setAsking] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);

  // The focus follows the question, and goes back to where it came from.
  useEffect(() => {
    if (asking) keep.current?.focus();
    else if (asked.current) trigger.current?.focus();
    asked.current = asking;
  }, [asking]);

  if (!asking) {
    return (
      <button
        ref={trigger}
        type="button"
        className="icon-button small"
        data-testid="comment-remove"
        aria-label="Remove"
        title="Remove"
        onClick={() => setAsking(true)}
      >
        <Icon name="trash" />
      </button>
    );
  }
  return (
    <span
      className="remove-question"
      role="group"
      aria-label="Remove this comment?"
      onKeyDown={(event) => event.key === "Escape" && setAsking(false)}
    >
      <span aria-hidden="true">Remove?</span>
      <button ref={keep} type="button" className="button small quiet" onClick={() => setAsking(false)}>
        Keep
      </button>
      <button type="button" className="button small danger" data-testid="comment-remove-confirm" onClick={() => review.get(commentId).remove()}>
        Remove
      </button>
    </span>
  );
}
