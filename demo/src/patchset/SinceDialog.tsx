// What changed since a patch set, such as the one that somebody approved.
import { useEffect, useState } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { compare, type FileChange } from "./compare.ts";

type Loaded = { changes: FileChange[]; error?: never } | { changes?: never; error?: unknown };

const kinds: Record<FileChange["kind"], string> = {
  entered: "Now part of the change",
  left: "Not part of the change any more",
  changed: "Changed",
};

export function SinceDialog({ from, onClose }: { from: number; onClose(): void }) {
  const { review } = useScope();
  const newest = useReview(review, (r) => r.data.patchSet);
  const [{ changes, error }, setLoaded] = useState<Loaded>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let stale = false;
    setLoaded({});
    Promise.all([review.diff(from), review.diff(newest)]).then(
      ([before, after]) => !stale && setLoaded({ changes: compare(before, after) }),
      (failure: unknown) => !stale && setLoaded({ error: failure }),
    );
    return () => {
      stale = true;
    };
  }, [review, from, newest, attempt]);

  return (
    <Dialog title={`What changed from patch set ${from} to ${newest}`} testId="since" onClose={onClose}>
      {error !== undefined && (
        <div className="inline-error" role="alert">
          <Icon name="alert" />
          <p>{messageOf(error)}</p>
          <button type="button" className="button small" onClick={() => setAttempt((n) => n + 1)}>
            Try again
          </button>
        </div>
      )}
      {error === undefined && !changes && (
        <p className="dialog-empty" role="status">
          Loading…
        </p>
      )}
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
