// The app: a name first, then the connection, then the page that the path asks for.
import { useState } from "react";
import { NewPage } from "../pages/NewPage.tsx";
import { MessagePage } from "../pages/MessagePage.tsx";
import { ReviewPage } from "../pages/ReviewPage.tsx";
import { ReviewsPage } from "../pages/ReviewsPage.tsx";
import { Toasts } from "../ui/Toasts.tsx";
import { messageOf } from "../ui/errors.ts";
import { loadUser, saveUser } from "./identity.ts";
import { NameDialog } from "./NameDialog.tsx";
import { Link, useRoute } from "./router.tsx";
import { SessionProvider } from "./session.tsx";
import { TopBar } from "./TopBar.tsx";

export function App() {
  const [user, setUser] = useState(loadUser);
  const rename = (displayName: string) => setUser((known) => saveUser(displayName, known));
  return (
    <>
      {user ? (
        <SessionProvider user={user} rename={rename} waiting={waiting}>
          <Page />
        </SessionProvider>
      ) : (
        <>
          <TopBar />
          <NameDialog onSave={rename} />
        </>
      )}
      <Toasts />
    </>
  );
}

function Page() {
  const route = useRoute();
  switch (route.page) {
    case "reviews":
      return <ReviewsPage />;
    case "new":
      return <NewPage />;
    case "review":
      return <ReviewPage key={route.idOrKey} idOrKey={route.idOrKey} />;
    case "unknown":
      return (
        <MessagePage title="There is nothing here" text="The address may be mistyped.">
          <Link className="button" href="/">
            All reviews
          </Link>
        </MessagePage>
      );
  }
}

function waiting(failure: unknown, retry: () => void) {
  if (failure === undefined) return <TopBar />;
  return (
    <MessagePage title="Interline could not start" text={messageOf(failure)}>
      <button type="button" className="button" onClick={retry}>
        Try again
      </button>
    </MessagePage>
  );
}
