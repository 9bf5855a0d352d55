// Removes a comment, after asking in place.
import { useEffect, useRef, useState } from "react";
import { useScope } from "../review/context.ts";
import { Icon } from "../ui/Icon.tsx";

export function RemoveControl({ commentId }: { commentId: string }) {
  const { review } = useScope();
  return <RemoveQuestion testId="comment-remove" question="Remove this comment?" onRemove={() => review.get(commentId).remove()} />;
}

interface Props {
  testId: string;
  question: string;
  onRemove(): void;
}

/** A button that asks before it does something. */
export function RemoveQuestion({ testId, question, onRemove }: Props) {
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
        data-testid={testId}
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
      aria-label={question}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        // In a dialog it answers the question, and does not close that.
        event.preventDefault();
        setAsking(false);
      }}
    >
      <span aria-hidden="true">Remove?</span>
      <button ref={keep} type="button" className="button small quiet" onClick={() => setAsking(false)}>
        Keep
      </button>
      <button type="button" className="button small danger" data-testid={`${testId}-confirm`} onClick={onRemove}>
        Remove
      </button>
    </span>
  );
}
