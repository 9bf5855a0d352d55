// Says which lines a thread or a draft is about, where there are several.
import { rangeWords, type LineRange } from "../diff/ranges.ts";

export function RangeNote({ range }: { range: LineRange }) {
  const words = rangeWords(range);
  return (
    <p className="range-note" data-testid="thread-range">
      {words.charAt(0).toUpperCase() + words.slice(1)}
    </p>
  );
}
