// One draft in the list of those to publish: whether it goes along, and a button that removes it.
import type { Draft } from "interline";
import { RemoveQuestion } from "../thread/RemoveControl.tsx";
import type { Answered } from "./answers.ts";
import { placeWords } from "./place.ts";

interface Props {
  draft: Draft;
  answered: Answered | undefined;
  chosen: boolean;
  onChoose(chosen: boolean): void;
  onRemove(): void;
}

export function PublishItem({ draft, answered, chosen, onChoose, onRemove }: Props) {
  return (
    <li data-testid="publish-draft" data-id={draft.id} data-chosen={chosen} data-answers={answered?.state}>
      <label className="publish-choose">
        <input type="checkbox" data-testid="publish-choose" checked={chosen} onChange={(event) => onChoose(event.target.checked)} />
        <span className="publish-words">
          <span className="publish-place">{placeWords(draft, answered)}</span>
          <span className="publish-text">{draft.text || <em>Empty: write something, or remove it</em>}</span>
        </span>
      </label>
      <RemoveQuestion testId="publish-remove" question="Remove this draft?" onRemove={onRemove} />
    </li>
  );
}
