// The head of a review: its title, its decision, and its size in a few words.
import type { FileDiff } from "interline";
import { ConflictMark, useConflict } from "../conflicts/ConflictMark.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { DecideMenu } from "../decisions/DecideMenu.tsx";
import { DecisionList } from "../decisions/DecisionList.tsx";
import { PublishButton } from "../drafts/PublishButton.tsx";
import { PatchSetSelect } from "../patchset/PatchSetSelect.tsx";
import { UnreadButton } from "../visits/UnreadButton.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { useScope } from "./context.ts";
import { TitleField } from "./TitleField.tsx";
import { useReview } from "./use-review.ts";

interface Props {
  files: FileDiff[];
  onShow(patchSet: number): void;
  /** Shows what changed since a patch set. */
  onCompare(patchSet: number): void;
  onVisit(place: Reveal): void;
}

export function ReviewHead({ files, onShow, onCompare, onVisit }: Props) {
  const { review } = useScope();
  const { createdAt, patchSet } = useReview(review, (r) => r.data);
  const open = useReview(review, (r) => r.threads.filter((thread) => !thread.resolved).length);
  const threads = useReview(review, (r) => r.threads.length);
  const conflict = useConflict();
  const added = files.reduce((sum, file) => sum + file.additions, 0);
  const removed = files.reduce((sum, file) => sum + file.deletions, 0);
  return (
    <div className="review-head">
      <TitleField />
      <div className="review-meta">
        <DecideMenu />
        <PublishButton />
        <span>
          <PatchSetSelect count={patchSet} onShow={onShow} /> opened <RelativeTime at={createdAt} />
        </span>
        <span>
          {files.length} {files.length === 1 ? "file" : "files"} <span className="counts-add">+{added}</span>{" "}
          <span className="counts-del">−{removed}</span>
        </span>
        <span>{threads === 0 ? "No threads yet; press + beside a line to start one" : `${open} of ${threads} ${threads === 1 ? "thread" : "threads"} open`}</span>
        <UnreadButton onVisit={onVisit} />
      </div>
      {conflict && <ConflictMark conflict={conflict} />}
      <DecisionList onCompare={onCompare} />
    </div>
  );
}
