// One thing that was not applied: why, what it says, and what can be done with it.
import { useId, useState } from "react";
import type { Reveal } from "../diff/reveal.ts";
import { CopyButton } from "../ui/CopyButton.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { RejectedWhat } from "./RejectedWhat.tsx";
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
  const { id, at, anchor, text } = rejected;
  const { title, detail } = words(rejected);
  const place = placeWords(rejected);

  const retry = () => {
    try {
      keeper.retryRejected(id);
    } catch (error) {
      setFailure(`It could not be tried again: ${messageOf(error)}`);
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
      <RejectedWhat rejected={rejected} />
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
