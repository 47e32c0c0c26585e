/** What stands around every page: where one is, who one is, the way out. */
import type { ComponentChildren } from "preact";
import { words } from "../i18n";
import icon from "../icon.svg";
import { LanguageSwitch } from "./LanguageSwitch";
import { attempt } from "./notices";
import { PAGES, type Page, pathOf } from "./pages";
import { navigate } from "./router";
import { me, signOut } from "./session";

interface Props {
  page: Page | "phone" | null;
  children: ComponentChildren;
}

export function Shell({ page, children }: Props) {
  const { app } = words.value;
  return (
    <div class={page === "console" ? "shell fixed" : "shell"}>
      <a class="skip" href="#main">
        {app.skip}
      </a>
      <header>
        <a class="brand" href="/">
          <img src={icon} alt="" width="28" height="28" />
          <span>{app.name}</span>
        </a>
        <nav aria-label={app.name}>{page !== "phone" && <Menu page={page} />}</nav>
        <Person page={page} />
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Menu({ page }: { page: Props["page"] }) {
  const { app } = words.value;
  const account = me.value?.account;
  if (!account) return null;
  return (
    <>
      {PAGES[account.role].map((each) => (
        <a
          key={each}
          href={pathOf(each)}
          aria-current={each === page ? "page" : undefined}
          // The console is a telephone: nobody leaves it for another page in the middle of a call.
          target={page === "console" ? "_blank" : undefined}
        >
          {app.pages[each]}
        </a>
      ))}
    </>
  );
}

function Person({ page }: { page: Props["page"] }) {
  const { app, roles } = words.value;
  const account = me.value?.account;
  const leave = async () => {
    if (await attempt(signOut)) navigate("/", true);
  };
  return (
    <div class="person">
      <LanguageSwitch />
      {account && page !== "phone" && (
        <>
          <span class="who">
            <b>{account.name}</b>
            <span class="quiet-text">{roles[account.role]}</span>
          </span>
          <button type="button" class="quiet" onClick={() => void leave()}>
            {app.signOut}
          </button>
        </>
      )}
    </div>
  );
}
