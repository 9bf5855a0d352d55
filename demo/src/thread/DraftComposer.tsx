// Writes a new comment or reply. What is typed is a private draft from the first word on, saved as one types: closing
// keeps it, only Discard drops it, and submitting publishes it.
import type { Comment, Drafts } from "interline";
import { useCallback, useEffect, useRef, useState } from "react";
import { createDraftEditor, type DraftEditor } from "../editor/draft-editor.ts";
import { useScope } from "../review/context.ts";
import type { DraftKey } from "../review/drafts.ts";
import { useDrafts } from "../drafts/use-drafts.ts";
import { focusDraft } from "../drafts/focus.ts";
import { Mirror } from "../drafts/mirror.ts";
import { showLeft, showRefused } from "../review/notices.ts";

interface Props {
  draft: DraftKey;
  label: string;
  submitLabel: string;
  onFocus(): void;
  /** Makes a private draft of the first words; says which. */
  onKeep(drafts: Drafts, text: string): Comment;
}

export function DraftComposer({ draft, label, submitLabel, onFocus, onKeep }: Props) {
  const { drafts, own } = useScope();
  const kept = useDrafts();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<DraftEditor>(undefined);
  const mirror = useRef<Mirror>(undefined);
  const [empty, setEmpty] = useState(() => drafts.text(draft).trim() === "");
  const [saved, setSaved] = useState(false);
  /** It was submitted before the drafts were open, and goes once they are. */
  const [waiting, setWaiting] = useState(false);

  const submit = () => {
    const text = editor.current?.text() ?? "";
    if (!mirror.current || !text.trim()) return setWaiting(false);
    try {
      setWaiting(!mirror.current.publish());
    } catch (error) {
      setWaiting(false);
      showRefused("This comment could not be added", error, text);
    }
  };
  const discard = () => {
    mirror.current?.remove();
    drafts.close(draft);
  };
  const close = () => {
    const id = drafts.idOf(draft);
    if (!editor.current?.text().trim()) return discard();
    // Not a draft yet, or not all of it: it would be gone.
    if (id === undefined || !mirror.current?.isSaved()) return;
    drafts.close(draft);
    focusDraft(id);
  };

  // The editor lives as long as the composer; it always calls the newest handlers.
  const latest = useRef({ submit, close, onFocus, onKeep, waiting });
  useEffect(() => {
    latest.current = { submit, close, onFocus, onKeep, waiting };
  });
  const mount = useCallback(() => {
    if (!host.current) return;
    const written = new Mirror({
      composers: drafts,
      key: draft,
      add: (open, text) => latest.current.onKeep(open, text),
      show: (text) => made.show(text),
      told: (now) => {
        setSaved(now);
        if (!now || !latest.current.waiting) return;
        // Once: it is told again on the way.
        latest.current.waiting = false;
        latest.current.submit();
      },
      left: () => {
        latest.current.waiting = false;
        setWaiting(false);
        showLeft();
      },
    });
    const made = createDraftEditor(host.current, {
      text: drafts.text(draft),
      label,
      placeholder: "Write a comment…",
      onChange: (text) => {
        written.write(text);
        setEmpty(text.trim() === "");
      },
      onFocus: () => {
        latest.current.onFocus();
        own.startWriting(draft);
      },
      onBlur: () => own.stopWriting(draft),
      onSubmit: () => latest.current.submit(),
      // Which throws nothing away.
      onEscape: () => latest.current.close(),
    });
    editor.current = made;
    mirror.current = written;
    if (drafts.takeFocus(draft)) made.focus();
    // "Add comment" on a line that has a composer already brings the focus back to it.
    const off = drafts.subscribe(() => drafts.takeFocus(draft) && made.focus());
    return () => {
      off();
      written.detach();
      own.stopWriting(draft);
      made.destroy();
    };
  }, [drafts, own, draft, label]);
  useEffect(mount, [mount]);
  useEffect(() => {
    if (kept) mirror.current?.attach(kept);
    else mirror.current?.detach();
  }, [kept, mount]);

  return (
    <div className="composer" data-testid="composer">
      <div className="editor-frame" ref={host} />
      <div className="composer-actions">
        {waiting ? (
          <span className="composer-hint" data-testid="composer-waiting" role="status">
            Your drafts are not here yet: this goes once they are
          </span>
        ) : (
          <span className="composer-hint">
            {saved ? "Saved as a draft; " : ""}
            <kbd>{modKey}</kbd> <kbd>Enter</kbd> to send
          </span>
        )}
        <button type="button" className="button small quiet" data-testid="composer-discard" onClick={discard}>
          {empty ? "Cancel" : "Discard"}
        </button>
        <button type="button" className="button small" data-testid="composer-close" disabled={empty || !saved} title="It stays a draft: only you see it until you publish it" onClick={close}>
          Close
        </button>
        <button type="button" className="button small primary" data-testid="composer-submit" disabled={empty} onClick={submit}>
          {submitLabel}
        </button>
      </div>
    </div>
  );
}

const modKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
