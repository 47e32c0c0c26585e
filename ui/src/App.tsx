/** Chooses the page: by the address, by who is signed in, and by what that role has. */
import { useEffect } from "preact/hooks";
import { Board } from "./board/Board";
import { CaseList } from "./cases/CaseList";
import { CasePageView } from "./cases/CasePage";
import { Directory } from "./cases/Directory";
import { Intake } from "./cases/Intake";
import { Console } from "./console/Console";
import { explain, words } from "./i18n";
import { Phone } from "./phone/Phone";
import { Notices } from "./shell/notices";
import { homeOf, PAGES, pageOf, type Route, route } from "./shell/pages";
import { navigate, place } from "./shell/router";
import { Shell } from "./shell/Shell";
import { SignInAgain, SignInPage } from "./shell/SignIn";
import { expired, loadMe, me, unknown } from "./shell/session";

export function App() {
  return (
    <>
      <Page />
      <Notices />
      {expired.value && <SignInAgain />}
    </>
  );
}

function Page() {
  const where = route(place.value.path);
  const account = me.value?.account;
  useEffect(() => {
    if (where.page === "home" && account) navigate(homeOf(account.role), true);
  }, [where.page, account]);

  const asks = where.page !== "phone" && me.value === undefined;
  useEffect(() => {
    if (asks) void loadMe();
  }, [asks]);

  if (where.page === "phone") {
    return (
      <Shell page="phone">
        <Phone />
      </Shell>
    );
  }
  if (me.value === undefined) return unknown.value ? <Away error={unknown.value} /> : null;
  if (!account) return <SignInPage />;
  const page = pageOf(where);
  return (
    <Shell page={page}>
      {page !== null && !PAGES[account.role].includes(page) ? (
        <Lost text={words.value.app.notYours} />
      ) : (
        <Content where={where} />
      )}
    </Shell>
  );
}

function Content({ where }: { where: Route }) {
  switch (where.page) {
    case "console":
      return <Console />;
    case "board":
      return <Board />;
    case "cases":
      return <CaseList />;
    case "case":
      return <CasePageView key={where.number} number={where.number} />;
    case "intake":
      return <Intake />;
    case "directory":
      return <Directory />;
    case "home":
      return null;
    default:
      return <Lost text={words.value.app.notFound} />;
  }
}

function Lost({ text }: { text: string }) {
  return (
    <div class="dead-end">
      <h1>{text}</h1>
      <p>
        <a href="/">{words.value.app.notFoundGo}</a>
      </p>
    </div>
  );
}

/** The server can't be asked who is signed in: keep asking, and say so. */
function Away({ error }: { error: Error }) {
  useEffect(() => {
    const again = setInterval(() => void loadMe(), 3000);
    return () => clearInterval(again);
  }, []);
  return (
    <main class="dead-end" id="main">
      <h1>{words.value.app.name}</h1>
      <p role="alert">{explain(error)}</p>
      <button type="button" onClick={() => void loadMe()}>
        {words.value.app.tryAgain}
      </button>
    </main>
  );
}
