// One version in a conflict: whose it is, what it changes, and the button that keeps it.
import type { ConflictData, Status } from "interline";
import { Avatar } from "../presence/Avatar.tsx";
import { useScope } from "../review/context.ts";
import { StatusBadge } from "../review/StatusBadge.tsx";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { WordDiff } from "../ui/WordDiff.tsx";
import type { Choice } from "./choices.ts";
import { subjectOf, valueWords } from "./words.ts";

interface Props {
  conflict: ConflictData;
  choice: Choice;
  /** The key that leads to its button. */
  digit: number;
  reachable: boolean;
  onKeep(): void;
}

export function ChoiceCard({ conflict, choice, digit, reachable, onKeep }: Props) {
  const { kind, side, label } = choice;
  return (
    <section className="choice" data-testid="conflict-choice" data-kind={kind} data-user={side?.author.id} aria-label={nameOf(choice)}>
      <header className="choice-head">
        {side ? <Avatar user={side.author} size={22} /> : <Icon name="merge" />}
        <strong>{nameOf(choice)}</strong>
        {side && (
          <span className="choice-about">
            <RelativeTime at={side.at} />
            {side.patchSet !== undefined && <>, having seen patch set {side.patchSet}</>}
          </span>
        )}
      </header>
      <Value conflict={conflict} choice={choice} />
      <button type="button" className="button choice-keep" data-testid={`conflict-keep-${kind}`} data-choice={digit} tabIndex={reachable ? 0 : -1} onClick={onKeep}>
        <kbd aria-hidden="true">{digit}</kbd> {label}
      </button>
    </section>
  );
}

function nameOf({ kind, side }: Choice): string {
  if (kind === "merged") return "Merged";
  return kind === "mine" ? "Yours" : (side?.author.displayName ?? "");
}

function Value({ conflict, choice: { value, side } }: { conflict: ConflictData; choice: Choice }) {
  const { review } = useScope();
  switch (subjectOf(conflict)) {
    case "text":
      return <WordDiff before={typeof conflict.base === "string" ? conflict.base : ""} after={String(value)} testId="conflict-text" />;
    case "status":
      return (
        <p className="choice-value">
          <StatusBadge status={value as Status} />
        </p>
      );
    case "removed":
      return value === true ? (
        <p className="choice-value">
          <Icon name="trash" /> {side?.author.displayName} removed it
        </p>
      ) : (
        <p className="choice-text" data-testid="conflict-text">
          {conflict.commentId === undefined ? "" : review.get(conflict.commentId).text}
        </p>
      );
    case "other":
      return <p className="choice-value">{valueWords(value)}</p>;
  }
}
