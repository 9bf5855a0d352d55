// What changed since a patch set, such as the one that somebody approved.
import { useCallback } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { NotLoaded } from "../ui/NotLoaded.tsx";
import { useLoaded } from "../ui/use-loaded.ts";
import { compare, type FileChange } from "./compare.ts";

const kinds: Record<FileChange["kind"], string> = {
  entered: "Now part of the change",
  left: "Not part of the change any more",
  changed: "Changed",
};

export function SinceDialog({ from, onClose }: { from: number; onClose(): void }) {
  const { review } = useScope();
  const newest = useReview(review, (r) => r.data.patchSet);
  const load = useCallback(async () => {
    const [before, after] = await Promise.all([review.diff(from), review.diff(newest)]);
    return compare(before, after);
  }, [review, from, newest]);
  const loaded = useLoaded(load);
  const changes = loaded.value;

  return (
    <Dialog title={`What changed from patch set ${from} to ${newest}`} testId="since" onClose={onClose}>
      <NotLoaded of={loaded} />
      {changes?.length === 0 && <p className="dialog-empty">Both show the same lines.</p>}
      {changes && changes.length > 0 && (
        <ul className="since-list" tabIndex={0} aria-label="Files that changed">
          {changes.map((change) => (
            <li key={change.path} data-testid="since-file" data-path={change.path} data-kind={change.kind}>
              <h3>
                {change.path} <span>{kinds[change.kind]}</span>
              </h3>
              {change.runs.map((run, at) => (
                <pre key={at} className="since-run">
                  {run.map((line, index) => (
                    <code key={index} data-kind={line.kind}>
                      {line.text}
                    </code>
                  ))}
                </pre>
              ))}
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
