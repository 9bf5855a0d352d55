// Which patch set to look at: a native select once there is more than one.
import { useShown } from "./shown.ts";

interface Props {
  /** How many there are. */
  count: number;
  onShow(number: number): void;
}

export function PatchSetSelect({ count, onShow }: Props) {
  const { number } = useShown();
  if (count < 2) return <>Patch set {count}</>;
  return (
    <select
      className="patch-set-select"
      data-testid="patch-set"
      aria-label="Patch set"
      value={number}
      onChange={(event) => onShow(Number(event.target.value))}
    >
      {Array.from({ length: count }, (_, at) => count - at).map((each) => (
        <option key={each} value={each}>
          Patch set {each}
          {each === count ? " (newest)" : ""}
        </option>
      ))}
    </select>
  );
}
