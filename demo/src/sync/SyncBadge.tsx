// Whether everything written here is safe, in one glance; pressing it tells more.
import type { Client, Review } from "interline";
import { useEffect, useState } from "react";
import { useConnection } from "../app/session.tsx";
import { useReview } from "../review/use-review.ts";
import { Icon, type IconName } from "../ui/Icon.tsx";
import { Popover } from "../ui/Popover.tsx";
import { RelativeTime, useNow } from "../ui/RelativeTime.tsx";
import { changes, storageSentence, syncLabel, syncNews, syncState, type SyncState } from "./state.ts";
import { useStored } from "./stored.ts";

const icons: Record<SyncState, IconName> = { saved: "cloud", saving: "sync", sending: "sync", waiting: "clock" };

export function SyncBadge({ client, review }: { client: Client; review: Review }) {
  const status = useConnection(client);
  const unsynced = useReview(review, (r) => r.unsynced);
  const stored = useStored(review);
  const now = useNow();
  const state = syncState(status, unsynced);
  const memory = client.storage.kind === "memory";
  const connected = status.state === "connected";
  const label = syncLabel(status, unsynced, now);
  return (
    <>
      <Popover
        className="sync"
        menuClass="sync-menu"
        testId="sync-details"
        trigger={(button) => (
          <button
            {...button}
            className="connection"
            data-testid="connection"
            data-state={status.state}
            data-reason={status.reason}
            data-sync={state}
            data-stored={stored}
            data-storage={client.storage.kind}
            title={label}
          >
            <Icon name={!connected && state === "saved" ? "cloudOff" : icons[state]} />
            <span data-testid="unsynced" data-count={unsynced.count} data-of={unsynced.of}>
              {label}
            </span>
            {memory && (
              <span className="sync-memory" data-testid="storage">
                <Icon name="memory" size={14} /> <span>Memory only</span>
              </span>
            )}
          </button>
        )}
      >
        {() => (
          <>
            <p>
              {unsynced.count === 0 ? "Everything written here is on the server." : `${changes(unsynced.count)} not on the server yet`}
              {unsynced.since !== undefined && unsynced.count > 0 && (
                <>
                  , the oldest from <RelativeTime at={unsynced.since} />
                </>
              )}
              {unsynced.count > 0 && "."}
            </p>
            <p className={memory || !stored ? "sync-warning" : undefined}>{storageSentence(client.storage, stored)}</p>
            {!connected && status.state === "disconnected" && status.message && <p>{status.message}</p>}
            <button
              type="button"
              className="button small"
              data-testid="sync-now"
              disabled={connected && unsynced.count === 0}
              onClick={() => {
                review.flush();
                client.reconnect();
              }}
            >
              <Icon name="sync" /> {connected ? "Send now" : "Try to connect now"}
            </button>
          </>
        )}
      </Popover>
      <Announcer text={announcement(syncNews(status, unsynced), memory)} />
    </>
  );
}

function announcement(news: string | undefined, memory: boolean): string | undefined {
  if (news === undefined) return undefined;
  return memory ? `${news}. Kept in memory only` : news;
}

/** Says what is new to those who do not see it; keeps the last word while there is nothing to say. */
function Announcer({ text }: { text: string | undefined }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (text !== undefined) setSaid(text);
  }, [text]);
  return (
    <span className="visually-hidden" role="status" aria-live="polite" data-testid="sync-news">
      {said}
    </span>
  );
}
