// In the head of a review for as long as there are drafts: how many, and the dialog that publishes them.
import { useState } from "react";
import { useConnection, useSession } from "../app/session.tsx";
import { Icon } from "../ui/Icon.tsx";
import { countOf } from "./place.ts";
import { PublishDialog } from "./PublishDialog.tsx";
import { useDraftList, useDrafts } from "./use-drafts.ts";

export function PublishButton() {
  const drafts = useDrafts();
  const list = useDraftList();
  const { client } = useSession();
  const away = useConnection(client).state !== "connected";
  const [open, setOpen] = useState(false);
  const waiting = list.filter((draft) => !draft.publishing);
  const publishing = list.length - waiting.length;
  if (!drafts) return null;
  return (
    <>
      {waiting.length > 0 && (
        <button type="button" className="button small publish-button" data-testid="publish-open" data-count={waiting.length} aria-haspopup="dialog" onClick={() => setOpen(true)}>
          <Icon name="upload" /> Publish review ({waiting.length})
        </button>
      )}
      {/* With a connection it is a moment's matter, and each says so in its place. */}
      {away && publishing > 0 && (
        <span className="publish-waiting" data-testid="publish-waiting" data-count={publishing} role="status">
          <Icon name="sync" size={13} /> {countOf(publishing)} being published
        </span>
      )}
      {open && <PublishDialog drafts={drafts} list={waiting} onClose={() => setOpen(false)} />}
    </>
  );
}
