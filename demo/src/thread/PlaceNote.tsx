// Says how a thread came to stand where it does, once the code has moved on; with the old lines where those are gone.
import type { Place, Thread } from "interline";
import { standing, useShown } from "../patchset/shown.ts";
import { Icon } from "../ui/Icon.tsx";

export function PlaceNote({ thread }: { thread: Thread }) {
  const { newest } = useShown();
  const place = standing(thread);
  // In an older patch set a thread stands where it was written.
  if (!place || !newest || place.state === "current") return null;
  if (place.state === "moved") {
    return (
      <p className="place-note" data-testid="thread-place" data-state="moved">
        <Icon name="sync" size={13} /> Moved with its code from {written(place)}
      </p>
    );
  }
  const { line, lastLine = line } = place.anchor;
  return (
    <div className="place-note outdated" data-testid="thread-place" data-state="outdated">
      <p>
        <strong>Outdated</strong> Written on {written(place)}, which is not in the code any more
      </p>
      {place.context.length > 0 && (
        <pre className="place-context" aria-label="The code as it was">
          {place.context.map((each) => (
            <code key={each.line} data-no={each.line} data-here={each.line >= line && each.line <= lastLine}>
              {each.text}
            </code>
          ))}
        </pre>
      )}
    </div>
  );
}

/** Where it was written, for people. */
function written({ written: { file, side, line, lastLine, patchSet }, anchor }: Place): string {
  const lines = lastLine === undefined ? `line ${line}` : `lines ${line} to ${lastLine}`;
  const renamed = file === anchor.file ? "" : ` of ${file}`;
  return `${side === "base" ? "old " : ""}${lines}${renamed} in patch set ${patchSet}`;
}
