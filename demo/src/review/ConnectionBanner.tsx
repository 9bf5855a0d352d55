// Appears below the bar once a page has been disconnected for a moment; it covers nothing and blocks nothing.
import type { Client, Review } from "interline";
import { useEffect, useState } from "react";
import { useConnection } from "../app/session.tsx";
import { rangeWords } from "../diff/ranges.ts";
import { useStored } from "../sync/stored.ts";
import { CopyButton } from "../ui/CopyButton.tsx";
import { Icon } from "../ui/Icon.tsx";
import { connectionAdvice, ONLY_HERE } from "./connection.ts";
import { useReview } from "./use-review.ts";

/** A connection that comes back within this time was never worth a banner. */
const PATIENCE_MS = 700;

export function ConnectionBanner({ client, review }: { client: Client; review: Review }) {
  const status = useConnection(client);
  const down = status.state === "disconnected";
  const stored = useStored(review);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (status.state === "connected") setShown(false);
    if (!down) return;
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [down, status.state]);

  if (!shown) return null;
  if (status.reason === "taken_over" && !stored) return <OnlyHere review={review} />;
  const reload = status.reason === "upgrade_required" || status.reason === "taken_over" || status.reason === "closed";
  return (
    <div className="banner" role="status" data-testid="banner">
      <Icon name="cloudOff" />
      <p>{down ? connectionAdvice(status) : "Connecting…"}</p>
      {reload ? (
        <button type="button" className="button small" onClick={() => location.reload()}>
          Reload
        </button>
      ) : (
        down &&
        status.retryable && (
          <button type="button" className="button small" onClick={() => client.reconnect()}>
            Try now
          </button>
        )
      )}
    </div>
  );
}

/** Reloading would lose words: they are offered for copying instead. */
function OnlyHere({ review }: { review: Review }) {
  const threads = useReview(review, (r) => r.threads);
  const pending = threads.flatMap((thread) => thread.comments).filter((comment) => comment.pending && !comment.removed);
  const text = pending.map(({ anchor, text }) => `${anchor.file}, ${rangeWords(anchor)}:\n${text}`).join("\n\n");
  return (
    <div className="banner" role="status" data-testid="banner">
      <Icon name="cloudOff" />
      <p>{ONLY_HERE}</p>
      {text && <CopyButton text={text} label="Copy what is only here" />}
    </div>
  );
}
