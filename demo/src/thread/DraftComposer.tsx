// Writes a new comment or reply. What is typed is kept as a draft until it is submitted or cancelled.
import type { Comment, Drafts } from "interline";
import { useCallback, useEffect, useRef, useState } from "react";
import { createDraftEditor, type DraftEditor } from "../editor/draft-editor.ts";
import { useScope } from "../review/context.ts";
import type { DraftKey } from "../review/drafts.ts";
import { useDrafts } from "../drafts/use-drafts.ts";
import { focusDraft } from "../drafts/focus.ts";
import { showRefused } from "../review/notices.ts";

interface Props {
  draft: DraftKey;
  label: string;
  submitLabel: string;
  onFocus(): void;
  onSubmit(text: string): void;
  /** Keeps it as a private draft; says which. */
  onKeep(drafts: Drafts, text: string): Comment;
}

export function DraftComposer({ draft, label, submitLabel, onFocus, onSubmit, onKeep }: Props) {
  const { drafts, own } = useScope();
  const kept = useDrafts();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<DraftEditor>(undefined);
  const [empty, setEmpty] = useState(() => drafts.text(draft).trim() === "");

  const submit = () => {
    const text = editor.current?.text() ?? "";
    if (!text.trim()) return;
    try {
      onSubmit(text);
      drafts.close(draft);
    } catch (error) {
      showRefused("This comment could not be added", error, text);
    }
  };
  const keep = () => {
    const text = editor.current?.text() ?? "";
    if (!kept || !text.trim()) return;
    try {
      const { id } = onKeep(kept, text);
      drafts.close(draft);
      focusDraft(id);
    } catch (error) {
      showRefused("This draft could not be kept", error, text);
    }
  };
  const cancel = () => drafts.close(draft);

  // The editor lives as long as the composer; it always calls the newest handlers.
  const latest = useRef({ submit, cancel, onFocus });
  useEffect(() => {
    latest.current = { submit, cancel, onFocus };
  });
  const mount = useCallback(() => {
    if (!host.current) return;
    const made = createDraftEditor(host.current, {
      text: drafts.text(draft),
      label,
      placeholder: "Write a comment…",
      onChange: (text) => {
        drafts.write(draft, text);
        setEmpty(text.trim() === "");
      },
      onFocus: () => {
        latest.current.onFocus();
        own.startWriting(draft);
      },
      onBlur: () => own.stopWriting(draft),
      onSubmit: () => latest.current.submit(),
      // Escape must not throw away what somebody wrote.
      onEscape: () => {
        if (!made.text().trim()) latest.current.cancel();
      },
    });
    editor.current = made;
    if (drafts.takeFocus(draft)) made.focus();
    // "Add comment" on a line that has a composer already brings the focus back to it.
    const off = drafts.subscribe(() => drafts.takeFocus(draft) && made.focus());
    return () => {
      off();
      own.stopWriting(draft);
      made.destroy();
    };
  }, [drafts, own, draft, label]);
  useEffect(mount, [mount]);

  return (
    <div className="composer" data-testid="composer">
      <div className="editor-frame" ref={host} />
      <div className="composer-actions">
        <span className="composer-hint">
          <kbd>{modKey}</kbd> <kbd>Enter</kbd> to send
        </span>
        <button type="button" className="button small quiet" data-testid="composer-cancel" onClick={cancel}>
          Cancel
        </button>
        <button type="button" className="button small" data-testid="composer-keep" disabled={empty || !kept} title="Only you see it until you publish it" onClick={keep}>
          Keep as draft
        </button>
        <button type="button" className="button small primary" data-testid="composer-submit" disabled={empty} onClick={submit}>
          {submitLabel}
        </button>
      </div>
    </div>
  );
}

const modKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
