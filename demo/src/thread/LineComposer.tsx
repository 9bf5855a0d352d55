// The composer that starts a thread on a line.
import { rangeWords } from "../diff/ranges.ts";
import { useShown } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { lineDraft, type DraftLine } from "../review/drafts.ts";
import { RangeNote } from "./RangeNote.tsx";
import { DraftComposer } from "./DraftComposer.tsx";

export function LineComposer({ at }: { at: DraftLine }) {
  const { own } = useScope();
  const { number } = useShown();
  const { patchSet, path, ...range } = at;
  const { side, line, lastLine } = range;
  return (
    <div className="thread composing">
      {patchSet !== number ? (
        <p className="place-note" data-testid="draft-place">
          Begun on {rangeWords(range)} of patch set {patchSet}: it goes where {lastLine === undefined ? "that line is" : "those lines are"} now
        </p>
      ) : (
        lastLine !== undefined && <RangeNote range={range} />
      )}
      <DraftComposer
        draft={lineDraft(at)}
        label={lastLine === undefined ? `Comment on ${side} line ${line}` : `Comment on ${side} lines ${line} to ${lastLine}`}
        submitLabel="Comment"
        onFocus={() => own.moveTo({ file: path, side, line, patchSet })}
        onKeep={(kept, text) => kept.add({ file: path, ...range, patchSet }, text)}
      />
    </div>
  );
}
