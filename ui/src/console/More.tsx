/** What comes up in a talk now and then: a lost PIN, a reporter who wants no name kept. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, post } from "../api/http";
import type { NewPin } from "../api/types";
import { explain, words } from "../i18n";
import { caseNumber, pin } from "../lib/format";
import type { CaseAutosave, ConsoleStore } from "./store";

type Asked = "pin" | "anonymous";

interface Props {
  store: ConsoleStore;
  /** Of the case that is shown. */
  save: CaseAutosave;
}

export function More({ store, save }: Props) {
  const t = words.value.more;
  const [asked, ask] = useState<Asked | null>(null);
  const close = () => ask(null);
  const call = store.live.document.value?.call;
  const talking = call?.state === "talking" ? call.id : null;
  const { anonymous } = save.stored.value;
  return (
    <div class="more">
      <button type="button" disabled={talking === null} onClick={() => ask("pin")}>
        {t.lost}
      </button>
      <button type="button" disabled={anonymous} onClick={() => ask("anonymous")}>
        {anonymous ? t.isAnonymous : t.anonymous}
      </button>
      {asked === "pin" && talking !== null && <LostPin call={talking} close={close} />}
      {asked === "anonymous" && <Anonymous store={store} save={save} close={close} />}
    </div>
  );
}

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

function Dialog({ title, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class="asking" aria-label={title} onClose={close}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

function Buttons({ done, close }: { done: string; close: () => void }) {
  const t = words.value.more;
  return (
    <div class="pair">
      <button type="submit" class="primary">
        {done}
      </button>
      <button type="button" onClick={close}>
        {t.cancel} <kbd>Esc</kbd>
      </button>
    </div>
  );
}

function LostPin({ call, close }: { call: string; close: () => void }) {
  const t = words.value.more;
  const [problem, setProblem] = useState("");
  const [made, setMade] = useState<NewPin | null>(null);
  const [sent, setSent] = useState(false);
  const number = useRef<HTMLInputElement>(null);
  const sendCode = async () => {
    setProblem("");
    try {
      await post(`/api/agent/calls/${call}/pin/code`, { number: number.current?.value ?? "" });
      setSent(true);
    } catch (error) {
      setProblem(whyNot(error));
    }
  };
  const ask = async (event: SubmitEvent) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.currentTarget as HTMLFormElement));
    try {
      setMade(await post<NewPin>(`/api/agent/calls/${call}/pin`, said));
    } catch (error) {
      setProblem(whyNot(error));
    }
  };
  if (made !== null) {
    return (
      <Dialog title={t.newPin} close={close}>
        <p>{caseNumber(made.number)}</p>
        <p class="spoken">{pin(made.pin)}</p>
        <p>{t.readOut}</p>
        <button type="button" class="primary" onClick={close}>
          {t.told} <kbd>Esc</kbd>
        </button>
      </Dialog>
    );
  }
  const t2 = words.value.form;
  return (
    <Dialog title={t.lost} close={close}>
      <form class="asking-form" onSubmit={ask} autocomplete="off">
        <p>{t.lostText}</p>
        <label class="field">
          <span>{t2.number}</span>
          <input ref={number} name="number" inputMode="numeric" maxLength={20} required />
        </label>
        <div class="pair">
          <button type="button" onClick={() => void sendCode()}>
            {t.sendCode}
          </button>
          <label class="field">
            <span>{t.code}</span>
            <input name="code" inputMode="numeric" pattern="[0-9]{6}" maxLength={6} />
          </label>
        </div>
        <p class="explain" role="status">
          {sent ? t.codeSent : t.codeOr}
        </p>
        <label class="field">
          <span>{t2.reporter}</span>
          <input name="name" maxLength={200} />
        </label>
        <label class="field">
          <span>{t.phone}</span>
          <input name="phone" inputMode="tel" maxLength={40} />
        </label>
        <label class="field">
          <span>{t2.employer}</span>
          <input name="employer" maxLength={200} />
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <Buttons done={t.check} close={close} />
      </form>
    </Dialog>
  );
}

function whyNot(error: unknown): string {
  const t = words.value.more;
  if (!(error instanceof ApiError)) return explain(error);
  const { number, event } = error.fields;
  if (number !== undefined) return t.badNumber;
  if (error.code !== "refused") return explain(error);
  return event === "locked" ? t.locked : t.unknown;
}

function Anonymous({ store, save, close }: Props & { close: () => void }) {
  const t = words.value.more;
  const [problem, setProblem] = useState("");
  const forget = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await store.makeAnonymous(save);
      close();
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <Dialog title={t.anonymous} close={close}>
      <form class="asking-form" onSubmit={forget}>
        <p>{t.anonymousText}</p>
        <p class="problem" role="alert">
          {problem}
        </p>
        <Buttons done={t.forget} close={close} />
      </form>
    </Dialog>
  );
}
