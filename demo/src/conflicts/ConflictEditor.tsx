// Settles a conflict about a text by writing another one, as a change of the text that stood when it was opened.
import type { DetectedConflict, Thread } from "interline";
import { useEffect, useId, useRef, useState } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { WordDiff } from "../ui/WordDiff.tsx";
import { namesOf } from "./words.ts";

interface Props {
  /** As it was when this was opened: what is saved speaks of that. */
  told: DetectedConflict;
  onSave(text: string): void;
  onCancel(): void;
}

export function ConflictEditor({ told, onSave, onCancel }: Props) {
  const [text, setText] = useState(told.text ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  useEffect(() => area.current?.focus(), []);
  return (
    <form
      className="conflict-editor"
      onSubmit={(event) => {
        event.preventDefault();
        onSave(text);
      }}
    >
      <label htmlFor={id}>The comment shall say</label>
      <textarea
        ref={area}
        id={id}
        className="input"
        data-testid="conflict-custom"
        rows={6}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return;
          event.preventDefault();
          onSave(text);
        }}
      />
      <Meanwhile told={told} />
      <div className="dialog-actions">
        <button type="button" className="button quiet" onClick={onCancel}>
          Back
        </button>
        <button type="submit" className="button primary" data-testid="conflict-save">
          Save
        </button>
      </div>
    </form>
  );
}

/** What others have done since: to the text, which stays, and to the conflict, which then stays open. */
function Meanwhile({ told }: { told: DetectedConflict }) {
  const { review } = useScope();
  const before = told.text ?? "";
  const now = useReview(review, (r) => textOf(r.threads, told.commentId)) ?? before;
  const live = useReview(review, (r) => r.conflicts.find(({ id }) => id === told.id));
  const versions = new Set(told.sides.map(({ version }) => version));
  const joined = live?.sides.filter(({ version }) => !versions.has(version)) ?? [];
  return (
    <div role="status">
      {now !== before && (
        <div data-testid="conflict-since">
          <p className="conflict-since">The comment has changed since. These changes stay:</p>
          <WordDiff before={before} after={now} testId="conflict-since-words" />
        </div>
      )}
      {joined.length > 0 && (
        <p className="conflict-since" data-testid="conflict-joined">
          {namesOf(joined)} wrote another version since. Go back to see it; if you save now, the conflict stays open.
        </p>
      )}
    </div>
  );
}

function textOf(threads: readonly Thread[], commentId: string | undefined): string | undefined {
  for (const { comments } of threads) {
    const found = comments.find(({ id }) => id === commentId);
    if (found) return found.text;
  }
  return undefined;
}
