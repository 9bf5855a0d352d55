// Says that what is shown is not the newest code, and leads to it.
import { Icon } from "../ui/Icon.tsx";
import { useShown } from "./shown.ts";

interface Props {
  newest: number;
  onShow(number: number): void;
  onCompare(from: number): void;
}

export function OlderNotice({ newest, onShow, onCompare }: Props) {
  const { number } = useShown();
  if (number === newest) return null;
  return (
    <div className="older-notice" role="status" data-testid="older-patch-set">
      <Icon name="clock" />
      <p>
        This is patch set {number}, with the threads that were written on it
      </p>
      <button type="button" className="button small quiet" data-testid="older-compare" aria-haspopup="dialog" onClick={() => onCompare(number)}>
        What changed since
      </button>
      <button type="button" className="button small" data-testid="older-newest" onClick={() => onShow(newest)}>
        Show patch set {newest}
      </button>
    </div>
  );
}
