// The bar at the top of every page: the way home on the left; presence, connection, theme and account on the right.
import type { ReactNode } from "react";
import { Link } from "./router.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

interface Props {
  /** What follows the name of the product, such as the review's key. */
  trail?: ReactNode;
  /** What belongs to the page, left of the theme toggle. */
  tools?: ReactNode;
  account?: ReactNode;
}

export function TopBar({ trail, tools, account }: Props) {
  return (
    <header className="topbar">
      <Link href="/" className="brand" aria-label="Interline, all reviews">
        <Mark />
        <span>Interline</span>
      </Link>
      {trail && (
        <span className="trail">
          <span aria-hidden="true">/</span>
          {trail}
        </span>
      )}
      <div className="topbar-tools">
        {tools}
        <ThemeToggle />
        {account}
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <rect width="24" height="24" rx="6" fill="var(--accent-solid)" />
      <path d="M6 7.5h12M6 16.5h7" stroke="#fff" strokeOpacity=".6" strokeWidth="2" strokeLinecap="round" />
      <path d="M6 12h8.5" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
      <path d="M18 9.5v5" stroke="#ffd479" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
