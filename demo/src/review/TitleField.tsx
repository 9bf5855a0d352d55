// The review's title; pressing it edits it in place. Enter saves, Escape keeps the old one.
import { useRef, useState, type KeyboardEvent } from "react";
import { Icon } from "../ui/Icon.tsx";
import { useScope } from "./context.ts";
import { noteTitle } from "./notices.ts";
import { useReview } from "./use-review.ts";

export function TitleField() {
  const { review } = useScope();
  const title = useReview(review, (r) => r.data.title);
  const [draft, setDraft] = useState<string>();
  const button = useRef<HTMLButtonElement>(null);

  const finish = (save: boolean) => {
    const wanted = draft?.trim();
    setDraft(undefined);
    if (!save || !wanted || wanted === title) return;
    noteTitle(review, wanted);
    review.setTitle(wanted);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    finish(event.key === "Enter");
    // The button comes back with the next frame; give it the focus that its input had.
    requestAnimationFrame(() => button.current?.focus());
  };

  if (draft !== undefined) {
    return (
      <h1 className="title">
        <input
          className="title-input"
          data-testid="review-title-input"
          aria-label="Title"
          value={draft}
          autoFocus
          maxLength={300}
          onFocus={(event) => event.target.select()}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={() => finish(true)}
          onKeyDown={onKey}
        />
      </h1>
    );
  }
  return (
    <h1 className="title">
      <button ref={button} type="button" className="title-button" title="Edit the title" onClick={() => setDraft(title)}>
        <span data-testid="review-title">{title}</span>
        <Icon name="pencil" />
      </button>
    </h1>
  );
}
