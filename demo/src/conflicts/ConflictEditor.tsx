// Settles a conflict about a text by writing another one, from what was merged.
import { useEffect, useId, useRef, useState } from "react";

interface Props {
  start: string;
  onSave(text: string): void;
  onCancel(): void;
}

export function ConflictEditor({ start, onSave, onCancel }: Props) {
  const [text, setText] = useState(start);
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
