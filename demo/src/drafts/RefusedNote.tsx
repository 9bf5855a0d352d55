// Above the drafts that a publication was refused with: why. They are where they were.
import type { Rejected } from "interline";
import { words } from "../rejected/words.ts";

export function RefusedNote({ refused }: { refused: readonly Rejected[] }) {
  const newest = refused.at(-1);
  if (!newest) return null;
  const { title, detail } = words(newest);
  return (
    <p className="publish-refused" role="alert" data-testid="publish-refused" data-code={newest.code}>
      <strong>{title}.</strong> {detail}
    </p>
  );
}
