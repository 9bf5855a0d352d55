// A page with one thing to say: not found, failed, closed.
import type { ReactNode } from "react";
import { TopBar } from "../app/TopBar.tsx";

export function MessagePage({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <>
      <TopBar />
      <main className="message" data-testid="message">
        <h1>{title}</h1>
        <p>{text}</p>
        <div className="message-actions">{children}</div>
      </main>
    </>
  );
}
