// Where a draft was begun that was written on older code: nobody knows where its line is before it is published.
import type { Draft } from "interline";

export function OlderCode({ draft: { threadId, place } }: { draft: Draft }) {
  if (threadId !== undefined || place?.state !== "outdated") return null;
  const { side, line, patchSet } = place.written;
  return (
    <p className="place-note" data-testid="draft-place">
      Begun on {side === "base" ? "old " : ""}line {line} of patch set {patchSet}: it goes where that line is now
    </p>
  );
}
