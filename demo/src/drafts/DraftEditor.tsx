// The editor of a draft: the one that comments have, on a text that only its author's devices share.
import type { Draft, Drafts } from "interline";
import { useEffect, useRef } from "react";
import { createLiveEditor, type EditStart } from "../editor/live-editor.ts";
import { ownWriting } from "../editor/own-caret.ts";
import { UndoButtons } from "../editor/UndoButtons.tsx";
import { useScope } from "../review/context.ts";

interface Props {
  draft: Draft;
  drafts: Drafts;
  start: EditStart;
  onDone(): void;
}

export function DraftEditor({ draft: { id, place }, drafts, start, onDone }: Props) {
  const { own } = useScope();
  const host = useRef<HTMLDivElement>(null);
  const done = useRef(onDone);
  useEffect(() => {
    done.current = onDone;
  });

  const { file, side, line, patchSet } = place?.anchor ?? {};
  useEffect(() => {
    if (!host.current) return;
    const view = createLiveEditor(host.current, {
      source: drafts,
      comment: drafts.get(id),
      label: "Draft, only you see it",
      placeholder: "Empty draft",
      start,
      onDone: () => done.current(),
      extensions: [ownWriting(own, id)],
    });
    if (file !== undefined && side !== undefined && line !== undefined) own.moveTo({ file, side, line, ...(patchSet !== undefined && { patchSet }) });
    return () => {
      own.stopWriting(id);
      view.destroy();
    };
  }, [drafts, own, id, file, side, line, start]);

  return (
    <div className="comment-editor">
      <div ref={host} className="editor-frame" data-testid="draft-editor" data-comment-editor={id} />
      <div className="composer-actions">
        <UndoButtons commentId={id} source={drafts} />
        <span className="composer-hint">Saved as you type</span>
        <button type="button" className="button small primary" data-testid="draft-done" onClick={onDone}>
          Done
        </button>
      </div>
    </div>
  );
}
