// A person as a small coloured disc with initials. Decorative: the name stands beside it or labels its parent.
import type { User } from "interline";
import type { CSSProperties } from "react";
import { hueOf, initialsOf } from "./color.ts";

interface Props {
  user: User;
  size?: number;
  idle?: boolean;
}

export function Avatar({ user, size = 24, idle = false }: Props) {
  const style = { "--hue": hueOf(user.id), "--size": `${size}px` } as CSSProperties;
  // The style sheet draws the initials: they are no text to be read, copied or searched.
  return <span className={idle ? "avatar idle" : "avatar"} style={style} data-initials={initialsOf(user.displayName)} aria-hidden="true" />;
}
