// Ticks a file off: the visitor has seen it as it is. It comes back once its diff changes.
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";

export function useViewed(path: string): boolean {
  const { review } = useScope();
  return useReview(review, (r) => r.viewed.includes(path));
}

export function ViewedBox({ path }: { path: string }) {
  const { review } = useScope();
  const viewed = useViewed(path);
  return (
    <label className="viewed-box">
      <input type="checkbox" data-testid="file-viewed" checked={viewed} onChange={(event) => review.setViewed(path, event.target.checked)} />
      Viewed
    </label>
  );
}
