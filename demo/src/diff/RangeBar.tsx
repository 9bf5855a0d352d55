// What can be done with selected lines, below the last of them.
import { useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { lineDraft } from "../review/drafts.ts";
import { Icon } from "../ui/Icon.tsx";
import { rangeWords, type LineRange } from "./ranges.ts";

/** How to go on; a finger has no Shift key. */
const hint = matchMedia("(pointer: coarse)").matches ? "Press the number of another line to take in more" : "Drag or Shift-press another line's number to take in more";

export function RangeBar({ path, range }: { path: string; range: LineRange }) {
  const { drafts, lines } = useScope();
  const { number: patchSet } = useShown();
  const comment = () => {
    lines.clear();
    drafts.start(lineDraft({ patchSet, path, ...range }));
  };
  return (
    <div className="range-bar" data-testid="range-bar">
      <button type="button" className="button small primary" data-testid="range-comment" onClick={comment}>
        <Icon name="comment" size={14} /> Comment on {rangeWords(range)}
      </button>
      <span className="range-hint">{hint}</span>
      <button type="button" className="button small quiet" data-testid="range-clear" onClick={() => lines.clear()}>
        Clear
      </button>
    </div>
  );
}
