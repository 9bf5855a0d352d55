// What was not applied, all of it: "Try again" does it again, so that nothing of it may stay unsaid.
import type { Rejected } from "interline";
import { useDraft } from "../drafts/use-drafts.ts";
import { statusLabels } from "../review/status.ts";
import { WordDiff } from "../ui/WordDiff.tsx";

/** One line: what it is about, and what that was to be. */
type Line = readonly [name: string, value: string | number];

export function RejectedWhat({ rejected }: { rejected: Rejected }) {
  const { base, text, removal, commentId } = rejected;
  // What a server has lost that published it is a draft there again.
  const inDraft = useDraft(commentId ?? "")?.text === text;
  const lines = [...fieldLines(rejected), ...decisionLines(rejected), ...tagLines(rejected), ...publicationLines(rejected)];
  return (
    <>
      {text !== undefined &&
        (inDraft ? (
          <p className="rejected-detail" data-testid="rejected-in-draft">
            Its words are in your draft, where they were before it was published.
          </p>
        ) : (
          <WordDiff before={base ?? ""} after={text} testId="rejected-diff" />
        ))}
      {lines.length > 0 && (
        <dl className="rejected-fields" data-testid="rejected-lines">
          {lines.map(([name, value], index) => (
            <div key={index}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {removal && <p className="rejected-detail">Removing the comment was not applied.</p>}
      {text === undefined && lines.length === 0 && !removal && (
        <p className="rejected-detail">There are no words to show of it: the exported file says what it was.</p>
      )}
    </>
  );
}

function fieldLines({ fields = {} }: Rejected): Line[] {
  return Object.entries(fields).map(([field, value]) => [field, typeof value === "boolean" ? (value ? "yes" : "no") : value]);
}

function decisionLines({ decision }: Rejected): Line[] {
  if (!decision) return [];
  const { value, note, patchSet } = decision;
  const on = patchSet === undefined ? "" : `, on patch set ${patchSet}`;
  return [["decision", `${statusLabels[value]}${on}`], ...noteLines(note)];
}

function tagLines({ tags = [] }: Rejected): Line[] {
  return tags.flatMap(({ field, add, remove }): Line[] => [
    ...(add.length > 0 ? [[`added to ${field}`, add.join(", ")] as const] : []),
    ...(remove.length > 0 ? [[`taken from ${field}`, remove.join(", ")] as const] : []),
  ]);
}

/** The drafts themselves are where they were. */
function publicationLines({ publication }: Rejected): Line[] {
  if (!publication) return [];
  const { ids, decision, note } = publication;
  return [["drafts", ids.length], ...(decision ? [["decision", statusLabels[decision]] as const] : []), ...noteLines(note)];
}

function noteLines(note: string | undefined): Line[] {
  return note ? [["note", note]] : [];
}
