// The review's status, and below it the visitor's own decision with an optional note. Deciding proposes the status.
import type { Status } from "interline";
import { useState, type FormEvent } from "react";
import { useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { statuses, statusIcons, statusLabels } from "../review/status.ts";
import { useReview } from "../review/use-review.ts";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { Popover } from "../ui/Popover.tsx";

export function DecideMenu() {
  const { review } = useScope();
  const status = useReview(review, (r) => r.data.status);
  return (
    <Popover
      className="decide"
      menuClass="decide-menu"
      testId="decide-menu"
      trigger={(button) => (
        <button {...button} className="status-control" data-testid="status" data-status={status} aria-label={`Status: ${statusLabels[status]}. Decide`}>
          <Icon name={statusIcons[status]} />
          {statusLabels[status]}
          <Icon name="chevron" size={12} />
        </button>
      )}
    >
      {(close) => <DecideForm onDone={() => close("refocus")} />}
    </Popover>
  );
}

function DecideForm({ onDone }: { onDone(): void }) {
  const { review, me } = useScope();
  const own = useReview(review, (r) => r.decisions.find((decision) => decision.author.id === me.id));
  const shown = useShown();
  // What was looked at when the form was opened: newer code that comes meanwhile is not what is decided on.
  const [patchSet] = useState(shown.number);
  const [value, setValue] = useState<Status>(own?.value ?? "approved");
  const [note, setNote] = useState(own?.note ?? "");
  const [failure, setFailure] = useState<string>();

  const decide = (event: FormEvent) => {
    event.preventDefault();
    try {
      review.decide(value, note.trim() || undefined, patchSet);
      onDone();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <form onSubmit={decide}>
      <fieldset className="decide-values">
        <legend>Your decision on patch set {patchSet}</legend>
        {statuses.map((each) => (
          <label key={each} className="decide-value" data-status={each}>
            <input
              type="radio"
              name="decision"
              value={each}
              data-testid={`decide-${each}`}
              checked={value === each}
              autoFocus={value === each}
              onChange={() => setValue(each)}
            />
            <Icon name={statusIcons[each]} />
            {statusLabels[each]}
          </label>
        ))}
      </fieldset>
      <label className="field">
        <span>Note, if you like</span>
        <textarea className="input" data-testid="decide-note" rows={2} value={note} onChange={(event) => setNote(event.target.value)} />
      </label>
      {failure && (
        <p className="rejected-failure" role="alert">
          {failure}
        </p>
      )}
      <button type="submit" className="button primary" data-testid="decide-submit">
        Decide
      </button>
    </form>
  );
}
