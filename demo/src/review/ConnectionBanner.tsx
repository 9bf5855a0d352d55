// Appears below the bar once a page has been disconnected for a moment; it covers nothing and blocks nothing.
import type { Client } from "interline";
import { useEffect, useState } from "react";
import { useConnection } from "../app/session.tsx";
import { Icon } from "../ui/Icon.tsx";
import { connectionAdvice } from "./connection.ts";

/** A connection that comes back within this time was never worth a banner. */
const PATIENCE_MS = 700;

export function ConnectionBanner({ client }: { client: Client }) {
  const status = useConnection(client);
  const down = status.state === "disconnected";
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (status.state === "connected") setShown(false);
    if (!down) return;
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [down, status.state]);

  if (!shown) return null;
  const reload = status.reason === "upgrade_required" || status.reason === "closed";
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
