// The head of a review: its title, its decision, and its size in a few words.
import type { FileDiff } from "interline";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { useScope } from "./context.ts";
import { StatusSelect } from "./StatusSelect.tsx";
import { TitleField } from "./TitleField.tsx";
import { useReview } from "./use-review.ts";

export function ReviewHead({ files }: { files: FileDiff[] }) {
  const { review } = useScope();
  const { createdAt, patchSet } = useReview(review, (r) => r.data);
  const open = useReview(review, (r) => r.threads.filter((thread) => !thread.resolved).length);
  const threads = useReview(review, (r) => r.threads.length);
  const added = files.reduce((sum, file) => sum + file.additions, 0);
  const removed = files.reduce((sum, file) => sum + file.deletions, 0);
  return (
    <div className="review-head">
      <TitleField />
      <div className="review-meta">
        <StatusSelect />
        <span>
          Patch set {patchSet}, opened <RelativeTime at={createdAt} />
        </span>
        <span>
          {files.length} {files.length === 1 ? "file" : "files"} <span className="counts-add">+{added}</span>{" "}
          <span className="counts-del">−{removed}</span>
        </span>
        <span>{threads === 0 ? "No threads yet; press + beside a line to start one" : `${open} of ${threads} ${threads === 1 ? "thread" : "threads"} open`}</span>
      </div>
    </div>
  );
}
