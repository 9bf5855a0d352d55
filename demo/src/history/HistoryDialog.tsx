// A comment's past: every version with who wrote it and when, and what it changed; any of them can be restored.
import type { TextVersion } from "interline";
import { useCallback, useState } from "react";
import { useScope } from "../review/context.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { NotLoaded } from "../ui/NotLoaded.tsx";
import { useLoaded } from "../ui/use-loaded.ts";
import { WordDiff } from "../ui/WordDiff.tsx";
import { VersionList } from "./VersionList.tsx";

interface Props {
  commentId: string;
  onClose(): void;
}

export function HistoryDialog({ commentId, onClose }: Props) {
  const { review } = useScope();
  const load = useCallback(async () => review.get(commentId).history(), [review, commentId]);
  const loaded = useLoaded(load);

  return (
    <Dialog title="History of this comment" testId="history" onClose={onClose}>
      <NotLoaded of={loaded} testId="history-error" />
      {loaded.value && <Versions commentId={commentId} versions={loaded.value} onClose={onClose} />}
    </Dialog>
  );
}

function Versions({ commentId, versions, onClose }: { commentId: string; versions: TextVersion[]; onClose(): void }) {
  const { review } = useScope();
  const [index, setIndex] = useState(versions.length - 1);
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const select = useCallback((next: number) => {
    setIndex(next);
    setFailure(undefined);
  }, []);
  const shown = versions[index];
  if (!shown) return <p className="dialog-empty">Nothing is known of it yet.</p>;
  const before = index > 0 ? versions[index - 1]?.text : "";

  const restore = async () => {
    setBusy(true);
    try {
      await review.get(commentId).restore(shown.version);
      onClose();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  return (
    <div className="history">
      <VersionList versions={versions} selected={index} onSelect={select} />
      <div className="history-text">
        <WordDiff before={before ?? ""} after={shown.text} testId="history-text" />
        {failure !== undefined && (
          <p className="rejected-failure" role="alert">
            {messageOf(failure)}
          </p>
        )}
        <div className="dialog-actions">
          <button
            type="button"
            className="button small primary"
            data-testid="history-restore"
            disabled={busy || index === versions.length - 1}
            onClick={() => void restore()}
          >
            <Icon name="undo" /> Restore this version
          </button>
        </div>
      </div>
    </div>
  );
}
