// What changed between two texts, word by word: struck out what went, underlined what came.
import { diffArrays } from "diff";
import { useMemo } from "react";

/** Texts that differ by more words than this are shown one after the other: comparing them takes long and helps nobody. */
const MOST = 2_000;

/** Knows the words of languages without spaces, too. */
const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "word" }) : undefined;

interface Part {
  value: string;
  added: boolean;
  removed: boolean;
}

export function WordDiff({ before, after, testId }: { before: string; after: string; testId?: string }) {
  const parts = useMemo(() => words(before, after), [before, after]);
  return (
    <div className="word-diff" data-testid={testId}>
      {parts.map(({ value, added, removed }, index) => {
        if (added) return <ins key={index}>{value}</ins>;
        if (removed) return <del key={index}>{value}</del>;
        return <span key={index}>{value}</span>;
      })}
      {before === "" && after === "" && <em>Empty</em>}
    </div>
  );
}

function words(before: string, after: string): Part[] {
  const compared = diffArrays(tokens(before), tokens(after), { maxEditLength: MOST });
  if (compared) return compared.map(({ value, added, removed }) => ({ value: value.join(""), added, removed }));
  return [
    { value: before, added: false, removed: true },
    { value: after, added: true, removed: false },
  ];
}

/** Words, and what stands between them. */
function tokens(text: string): string[] {
  if (!segmenter) return text.split(/(\s+|[^\p{L}\p{N}_]+)/u).filter(Boolean);
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
