// One draft in its place: nobody else sees it. Edited like any comment, removed, and published by itself.
import type { Draft } from "interline";
import { memo, useState, type MouseEvent } from "react";
import type { EditStart } from "../editor/live-editor.ts";
import { showRefused } from "../review/notices.ts";
import { CopyButton } from "../ui/CopyButton.tsx";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { useAnswers, type Answered } from "./answers.ts";
import { DraftEditor } from "./DraftEditor.tsx";
import { RemoveDraft } from "./RemoveDraft.tsx";
import { focusPublish } from "./focus.ts";
import { OlderCode } from "./OlderCode.tsx";
import { placeWords } from "./place.ts";
import { PublishingView } from "./PublishingView.tsx";
import { useDrafts, useShownDraft } from "./use-drafts.ts";

export const DraftView = memo(function DraftView({ id }: { id: string }) {
  const draft = useShownDraft(id);
  const drafts = useDrafts();
  const answers = useAnswers();
  const [start, setStart] = useState<EditStart>();
  if (!draft || !drafts) return null;
  if (draft.publishing) return <PublishingView draft={draft} />;
  const editing = start !== undefined;
  const answered = answers(draft);
  const lost = answered?.state === "removed";

  const press = (event: MouseEvent) => {
    // Somebody who selects text to copy it does not want to edit.
    if (getSelection()?.isCollapsed === false) return;
    const range = document.createRange();
    range.selectNodeContents(event.currentTarget);
    const text = range.getBoundingClientRect();
    setStart({ x: event.clientX - text.left, y: event.clientY - text.top });
  };
  const publish = () => {
    try {
      drafts.publish([id]);
      focusPublish();
    } catch (error) {
      showRefused("This draft could not be published", error);
    }
  };
  return (
    <div className="draft" data-testid="draft" data-id={id} data-pending={draft.pending} tabIndex={-1}>
      <header className="comment-head">
        <span className="draft-mark">
          <Icon name="pencil" size={13} /> Draft — only you see it
        </span>
        <RelativeTime at={draft.createdAt} />
        {draft.pending && (
          <span className="comment-pending" title="Not saved on the server yet">
            <Icon name="sync" size={13} /> Saving
          </span>
        )}
        <span className="comment-tools">
          {!editing && (
            <button type="button" className="icon-button small" data-testid="draft-edit" aria-label="Edit the draft" title="Edit" onClick={() => setStart("end")}>
              <Icon name="pencil" />
            </button>
          )}
          <RemoveDraft id={id} />
        </span>
      </header>
      <OlderCode draft={draft} />
      <Unanswerable draft={draft} answered={answered} />
      {editing ? (
        <DraftEditor draft={draft} drafts={drafts} start={start} onDone={() => setStart(undefined)} />
      ) : (
        <div className="comment-text" data-testid="draft-text" onClick={press} title="Press to edit">
          {draft.text || <em>Empty</em>}
        </div>
      )}
      <footer className="draft-foot">
        {lost ? (
          <CopyButton text={draft.text} label="Copy text" />
        ) : (
          <button type="button" className="button small" data-testid="draft-publish" disabled={!draft.text.trim()} onClick={publish}>
            <Icon name="upload" /> Publish
          </button>
        )}
      </footer>
    </div>
  );
});

/** What it answers is not shown, so this has to say what that was. */
function Unanswerable({ draft, answered }: { draft: Draft; answered: Answered | undefined }) {
  if (!answered || answered.state === "shown") return null;
  const removed = answered.state === "removed";
  return (
    <p className="place-note" data-testid="draft-answers" data-state={answered.state}>
      {placeWords(draft, answered)}
      {removed && ": it can no longer be published there. Copy what you want to say elsewhere, or remove it."}
    </p>
  );
}
