// Publishes drafts as one review: what they say, which of them go, a decision with a note if there is one, and one button.
import type { Draft, Drafts, Status } from "interline";
import { useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { useShown } from "../patchset/shown.ts";
import { statusIcons, statusLabels } from "../review/status.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { useAnswers } from "./answers.ts";
import { BATCH, batchOf } from "./batch.ts";
import { countOf } from "./place.ts";
import { PublishItem } from "./PublishItem.tsx";
import { RefusedNote } from "./RefusedNote.tsx";
import { useRejectedDrafts } from "./use-drafts.ts";

type Choice = "comment" | Exclude<Status, "pending">;

const choices: readonly Choice[] = ["comment", "approved", "changes_requested"];
const labels: Record<Choice, string> = {
  comment: "Comment only",
  approved: statusLabels.approved,
  changes_requested: statusLabels.changes_requested,
};

interface Props {
  drafts: Drafts;
  list: readonly Draft[];
  onClose(): void;
}

export function PublishDialog({ drafts, list, onClose }: Props) {
  const shown = useShown();
  // What was looked at when the dialog was opened: newer code that comes meanwhile is not what is decided on.
  const [patchSet] = useState(shown.number);
  const answers = useAnswers();
  const refused = useRejectedDrafts().filter(({ publication }) => publication);
  // What the latest refused publication was to say is here again, so that it can be said once more.
  const [again] = useState(refused.at(-1));
  const [choice, setChoice] = useState<Choice>(choiceOf(again?.publication?.decision));
  const [note, setNote] = useState(again?.publication?.note ?? "");
  const [failure, setFailure] = useState<string>();
  /** Where somebody has chosen; the others go, unless the server would refuse them. */
  const [chosen, setChosen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const items = useRef<HTMLUListElement>(null);

  const rows = list.map((draft) => {
    const answered = answers(draft);
    return { draft, answered, goes: chosen.get(draft.id) ?? answered?.state !== "removed" };
  });
  const { going, waiting, hindrance } = batchOf(rows.filter((row) => row.goes).map((row) => row.draft));

  const publish = (event?: FormEvent) => {
    event?.preventDefault();
    if (hindrance !== undefined) return;
    try {
      drafts.publish(
        going.map((draft) => draft.id),
        choice === "comment" ? {} : { decision: choice, patchSet, ...(note.trim() && { note: note.trim() }) },
      );
      // This is said in its place.
      if (again && refused.some(({ id }) => id === again.id)) drafts.discardRejected(again.id);
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const remove = (id: string, at: number) => {
    // The focus goes to what takes the row's place; without rows, to the dialog's first button.
    const boxes = [...(items.current?.querySelectorAll<HTMLElement>('input[type="checkbox"]') ?? [])];
    const next = boxes[at + 1] ?? boxes[at - 1] ?? items.current?.closest("dialog")?.querySelector<HTMLElement>("button");
    try {
      drafts.get(id).remove();
      next?.focus();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) publish();
  };
  return (
    <Dialog
      title="Publish review"
      testId="publish"
      hint="Everybody sees all of it at once. Nobody sees anything before."
      focusOn="[data-publish]"
      returnTo=".publish-button, .status-control"
      onClose={onClose}
    >
      <form className="publish" onSubmit={publish} onKeyDown={onKey}>
        {list.length === 0 && <p className="dialog-empty">Nothing is left to publish.</p>}
        <RefusedNote refused={refused} />
        <ul ref={items} className="publish-list" aria-label={countOf(list.length)}>
          {rows.map(({ draft, answered, goes }, at) => (
            <PublishItem
              key={draft.id}
              draft={draft}
              answered={answered}
              chosen={goes}
              onChoose={(now) => setChosen(new Map(chosen).set(draft.id, now))}
              onRemove={() => remove(draft.id, at)}
            />
          ))}
        </ul>
        <fieldset className="decide-values publish-choices">
          <legend>Your decision on patch set {patchSet}</legend>
          {choices.map((each) => (
            <label key={each} className="decide-value" data-status={each === "comment" ? "pending" : each}>
              <input type="radio" name="publish" value={each} data-testid={`publish-${each}`} data-publish={choice === each ? "" : undefined} checked={choice === each} onChange={() => setChoice(each)} />
              <Icon name={each === "comment" ? "comment" : statusIcons[each]} />
              {labels[each]}
            </label>
          ))}
        </fieldset>
        {choice !== "comment" && (
          <label className="field">
            <span>Note, if you like</span>
            <textarea className="input" data-testid="publish-note" rows={2} value={note} onChange={(event) => setNote(event.target.value)} />
          </label>
        )}
        {failure && (
          <p className="rejected-failure" role="alert">
            {failure}
          </p>
        )}
        <p className="publish-count" role="status" data-testid="publish-count">
          {(list.length > 0 && hindrance) || leftWords(list.length, going.length, waiting)}
        </p>
        <div className="dialog-actions">
          <button type="submit" className="button primary" data-testid="publish-submit" disabled={hindrance !== undefined}>
            <Icon name="upload" /> Publish {countOf(going.length)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A review is never decided to be pending. */
function choiceOf(decision: Status | undefined): Choice {
  return decision === undefined || decision === "pending" ? "comment" : decision;
}

function leftWords(all: number, going: number, waiting: number): string | undefined {
  if (waiting > 0) return `At most ${BATCH} drafts go at once: of the ${going + waiting} that are chosen the first ${going} are published, and ${waiting} stay drafts.`;
  const out = all - going;
  if (out > 0) return out === 1 ? "1 is left out and stays a draft." : `${out} are left out and stay drafts.`;
  return undefined;
}
