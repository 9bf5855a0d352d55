// The open conflicts, in the bar for as long as there is one: how many, and below it which.
import type { ConflictData } from "interline";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";
import { Popover } from "../ui/Popover.tsx";
import { namesOf, titleOf } from "./words.ts";

export function ConflictsButton() {
  const { review, showConflict } = useScope();
  const conflicts = useReview(review, (r) => r.conflicts);
  const count = conflicts.length;
  if (count === 0) return null;
  const word = count === 1 ? "conflict" : "conflicts";
  return (
    <Popover
      className="conflicts"
      menuClass="conflicts-menu"
      testId="conflicts-list"
      trigger={(button) => (
        <button {...button} className="conflicts-button" data-testid="conflicts-open" data-count={count} title={`${count} ${word}`}>
          <Icon name="merge" />
          <span>
            {count} <span className="narrow-hidden">{word}</span>
          </span>
        </button>
      )}
    >
      {(close) =>
        conflicts.map((conflict, at) => (
          <button
            key={conflict.id}
            type="button"
            className="menu-item conflict-item"
            data-testid="conflict-item"
            data-id={conflict.id}
            autoFocus={at === 0}
            onClick={() => {
              close();
              showConflict(conflict.id);
            }}
          >
            <span>{titleOf(conflict)}</span>
            <span className="conflict-item-about">
              {namesOf(conflict.sides)}
              {placeOf(conflict)}
            </span>
          </button>
        ))
      }
    </Popover>
  );

  function placeOf({ commentId }: ConflictData): string {
    if (commentId === undefined) return "";
    const { file, line } = review.get(commentId).data.anchor;
    return `, ${file}:${line}`;
  }
}
