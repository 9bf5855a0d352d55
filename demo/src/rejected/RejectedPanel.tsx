// Everything that was written here and is not on the server as it was meant: nothing of it goes away by itself.
import type { Reveal } from "../diff/reveal.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { saveFile } from "../ui/save-file.ts";
import { Icon } from "../ui/Icon.tsx";
import { RejectedItem } from "./RejectedItem.tsx";
import { useRejected, type Kept } from "./use-rejected.ts";

interface Props {
  onVisit(place: Reveal): void;
  onClose(): void;
}

export function RejectedPanel({ onVisit, onClose }: Props) {
  const { review } = useScope();
  const kept = useRejected();
  const id = useReview(review, (r) => r.data.id);
  return (
    <Dialog
      title="Not applied"
      testId="rejected"
      hint="Your words are kept here until you try them again or discard them."
      // The button is gone once nothing waits.
      returnTo=".rejected-button, .connection"
      onClose={onClose}
    >
      {kept.length === 0 ? (
        <p className="dialog-empty" data-testid="rejected-empty" role="status">
          Nothing is waiting for you.
        </p>
      ) : (
        <>
          <ul className="rejected-list">
            {kept.map((each) => (
              <RejectedItem
                key={each.key}
                kept={each}
                onVisit={(place) => {
                  onClose();
                  onVisit(place);
                }}
              />
            ))}
          </ul>
          <div className="dialog-actions">
            <button
              type="button"
              className="button small"
              data-testid="rejected-export"
              onClick={() => exportAll(id, kept)}
            >
              <Icon name="download" /> Export all as a file
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}

/** One file for what the review keeps, and one for what the drafts do. */
function exportAll(id: string, kept: readonly Kept[]): void {
  for (const keeper of new Set(kept.map((each) => each.keeper))) {
    const name = kept.find((each) => each.keeper === keeper)?.key.split(" ")[0];
    saveFile(`interline-${id}-${name === "drafts" ? "drafts-" : ""}not-applied.json`, keeper.exportRejected());
  }
}
