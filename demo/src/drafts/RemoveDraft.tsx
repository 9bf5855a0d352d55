// Removes a draft, after asking in place.
import { RemoveQuestion } from "../thread/RemoveControl.tsx";
import { focusPublish } from "./focus.ts";
import { useDrafts } from "./use-drafts.ts";

export function RemoveDraft({ id }: { id: string }) {
  const drafts = useDrafts();
  const remove = () => {
    drafts?.get(id).remove();
    focusPublish();
  };
  return <RemoveQuestion testId="draft-remove" question="Remove this draft?" onRemove={remove} />;
}
