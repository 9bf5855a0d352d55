// One thing that was not applied: why, what it says, and what can be done with it.
import type { Rejected } from "interline";
import { useId, useState } from "react";
import type { Reveal } from "../diff/reveal.ts";
import { statusLabels } from "../review/status.ts";
import { CopyButton } from "../ui/CopyButton.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { WordDiff } from "../ui/WordDiff.tsx";
import type { Kept } from "./use-rejected.ts";
import { isRecovered, placeWords, words } from "./words.ts";

interface Props {
  kept: Kept;
  onVisit(place: Reveal): void;
}

export function RejectedItem({ kept: { rejected, keeper }, onVisit }: Props) {
  const [failure, setFailure] = useState<string>();
  const [asking, setAsking] = useState(false);
  const heading = useId();
  const { id, at, anchor, base, text, fields, publication } = rejected;
  const { title, detail } = words(rejected);
  const place = placeWords(rejected);

  const retry = () => {
    try {
      keeper.retryRejected(id);
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <li className="rejected-item" data-testid="rejected-item" data-cause={rejected.cause} data-code={rejected.code} data-recovered={isRecovered(rejected)} aria-labelledby={heading}>
      <h3 id={heading}>{title}</h3>
      {detail && <p className="rejected-detail">{detail}</p>}
      <p className="rejected-place">
        {anchor && place && (
          <button type="button" className="link-button" onClick={() => onVisit({ file: anchor.file, side: anchor.side, line: anchor.line, patchSet: anchor.patchSet })}>
            {place}
          </button>
        )}
        <RelativeTime at={at} />
      </p>
      {text !== undefined && <WordDiff before={base ?? ""} after={text} testId="rejected-diff" />}
      {fields && <FieldList fields={fields} />}
      {publication && <PublicationWords publication={publication} />}
      {text === undefined && !fields && !publication && <p className="rejected-detail">Removing the comment was not applied.</p>}
      {failure && (
        <p className="rejected-failure" role="alert" data-testid="rejected-failure">
          {failure}
        </p>
      )}
      <div className="rejected-actions">
        {asking ? (
          <>
            <span className="rejected-question">Discard it for good?</span>
            <button type="button" className="button small quiet" autoFocus onClick={() => setAsking(false)}>
              Keep
            </button>
            <button type="button" className="button small danger" data-testid="rejected-discard-confirm" onClick={() => keeper.discardRejected(id)}>
              Discard
            </button>
          </>
        ) : (
          <>
            <button type="button" className="button small primary" data-testid="rejected-retry" onClick={retry}>
              <Icon name="sync" /> Try again
            </button>
            {text !== undefined && <CopyButton text={text} />}
            <button type="button" className="button small quiet" data-testid="rejected-discard" onClick={() => setAsking(true)}>
              <Icon name="trash" /> Discard
            </button>
          </>
        )}
      </div>
    </li>
  );
}

/** What was to be published: the drafts themselves are where they were. */
function PublicationWords({ publication: { ids, decision, note } }: { publication: NonNullable<Rejected["publication"]> }) {
  return (
    <dl className="rejected-fields">
      <div>
        <dt>drafts</dt>
        <dd>{ids.length}</dd>
      </div>
      {decision && (
        <div>
          <dt>decision</dt>
          <dd>{statusLabels[decision]}</dd>
        </div>
      )}
      {note && (
        <div>
          <dt>note</dt>
          <dd>{note}</dd>
        </div>
      )}
    </dl>
  );
}

function FieldList({ fields }: { fields: Record<string, string | boolean> }) {
  return (
    <dl className="rejected-fields">
      {Object.entries(fields).map(([field, value]) => (
        <div key={field}>
          <dt>{field}</dt>
          <dd>{typeof value === "boolean" ? (value ? "yes" : "no") : value}</dd>
        </div>
      ))}
    </dl>
  );
}
