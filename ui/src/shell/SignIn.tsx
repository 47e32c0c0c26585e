/** The sign-in form, as a page of its own or in front of a page whose session has ended. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { explain, language, words } from "../i18n";
import { LanguageSwitch } from "./LanguageSwitch";
import { signIn } from "./session";

function SignInForm({ onDone }: { onDone?: () => void }) {
  const t = words.value.signIn;
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const username = String(fields.get("username")).trim();
    const secret = String(fields.get("password"));
    if (username === "" || secret === "") return setProblem(t.empty);
    setBusy(true);
    try {
      await signIn(username, secret);
      onDone?.();
    } catch (error) {
      setProblem(error instanceof ApiError && error.status === 401 ? t.wrong : explain(error));
      password.current?.select();
    } finally {
      setBusy(false);
    }
  };

  return (
    <form class="sign-in-form" onSubmit={submit} noValidate>
      <label class="field">
        <span>{t.username}</span>
        <input name="username" autocomplete="username" autocapitalize="off" spellcheck={false} />
      </label>
      <label class="field">
        <span>{t.password}</span>
        <input ref={password} name="password" type="password" autocomplete="current-password" />
      </label>
      <p class="problem" role="alert">
        {problem}
      </p>
      <button type="submit" class="primary" disabled={busy}>
        {t.button} <kbd>Enter</kbd>
      </button>
    </form>
  );
}

export function SignInPage() {
  const { app, signIn: t } = words.value;
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
    document.querySelector<HTMLInputElement>("input[name=username]")?.focus();
  });
  return (
    <main class="sign-in" id="main">
      <div class="sign-in-card">
        <div class="sign-in-head">
          <h1>{app.name}</h1>
          <LanguageSwitch />
        </div>
        <SignInForm />
        <p class="sign-in-foot">
          <a href={`/status?language=${language.value}`} rel="external">
            {t.reporter}
          </a>
        </p>
        <p class="sign-in-foot">
          <a href="/phone">{t.simulator}</a>
        </p>
      </div>
    </main>
  );
}

/** In front of a page that stays as it is: nothing typed is lost, a talk goes on. */
export function SignInAgain() {
  const t = words.value.signIn;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sign-in-again"
      aria-labelledby="again-title"
      onCancel={(event) => event.preventDefault()}
    >
      <h2 id="again-title">{t.title}</h2>
      <p>{t.expired}</p>
      <SignInForm />
    </dialog>
  );
}
