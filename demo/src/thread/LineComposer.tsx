// The composer that starts a thread on a line.
import type { Side } from "interline";
import { lineKey } from "../diff/lines.ts";
import { useScope } from "../review/context.ts";
import { lineDraft } from "../review/drafts.ts";
import { DraftComposer } from "./DraftComposer.tsx";

export function LineComposer({ path, side, line }: { path: string; side: Side; line: number }) {
  const { review, own } = useScope();
  return (
    <div className="thread composing">
      <DraftComposer
        draft={lineDraft(path, lineKey(side, line))}
        label={`Comment on ${side} line ${line}`}
        submitLabel="Comment"
        onFocus={() => own.moveTo({ file: path, side, line })}
        onSubmit={(text) => review.comment({ file: path, side, line }, text)}
      />
    </div>
  );
}
