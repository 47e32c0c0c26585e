/**
 * What the console knows and does. The server's document is the truth; what is added here is what
 * only this page knows: its phone, whether it leads, what is typed and not yet saved.
 */
import { computed, effect, signal } from "@preact/signals";
import { ApiError, get, post, put, Unreachable } from "../api/http";
import { Live } from "../api/live";
import type { Call, CaseDraft, CaseForm, Channel, ConsoleView, Offer } from "../api/types";
import { label, word, words } from "../i18n";
import { Autosave } from "../lib/autosave";
import { type Backoff, wait } from "../lib/backoff";
import { tick } from "../lib/clock";
import { announce, tell, tellError } from "../shell/notices";
import { Leader } from "../softphone/leader";
import { Phones, TWILIO } from "../softphone/phones";
import { type Microphone, reach } from "./availability";
import { Ring } from "./ring";

/** The line whose calls are answered by the click alone. */
const SIMULATOR = "simulator";

export const CASE_FIELDS = ["topic", "reporter_name", "employer", "narrative"] as const;
export type CaseField = (typeof CASE_FIELDS)[number];
export type CaseAutosave = Autosave<CaseField, CaseDraft>;

/** The case that is being written and the call it belongs to; `others` were opened in it, too. */
interface Writing {
  call: string;
  save: CaseAutosave;
  others: CaseAutosave[];
}

/** What was typed and could not be saved while its call lasted. */
export interface Kept {
  call: string;
  number: string;
  form: CaseForm;
}

/** After our phone is there, the server may take this long to hear of it; then it is asked. */
const LOOK_AGAIN: Backoff = { first_ms: 500, most_ms: 15_000 };

/** The call that we talk in, remembered over a reload (the id alone, which tells nothing). */
const TALK = "callcenter.talk";

export class ConsoleStore {
  readonly live = new Live<ConsoleView>({
    page: "agent",
    load: () => get<ConsoleView>("/api/agent"),
  });
  readonly leader: Leader;
  readonly ring = new Ring();
  readonly phone = new Phones({
    // A ring while the server already has us in a call is that call coming back after a break.
    answerAtOnce: () => this.#view?.call != null || this.accepting.value !== null,
    onRefused: () => void this.live.refresh(),
  });
  readonly microphone = signal<Microphone>("unknown");
  /** The offer that was answered and is not yet a call. */
  readonly accepting = signal<string | null>(null);
  readonly writing = signal<Writing | null>(null);
  readonly kept = signal<Kept | null>(null);

  /** The number of the other case that is shown in place of the call's own. */
  readonly shown = signal<string | null>(null);
  /** The case number is being sent to the caller. */
  readonly sending = signal(false);
  /** What can be sent to the caller of the case that is being written; null: nothing ever. */
  readonly telling = computed(() => {
    const view = this.live.document.value;
    return (view?.call ?? view?.wrap_up)?.message ?? null;
  });

  readonly reach = computed(() => {
    const view = this.live.document.value;
    if (view === null) return "connecting" as const;
    return reach({
      link: this.live.link.value,
      leader: this.leader.role.value,
      phone: this.phone.state.value,
      microphone: this.microphone.value,
      state: view.agent.state,
      device: view.agent.device,
      dialling: view.call?.state === "dialling",
      talksHere: view.call?.state === "talking" && this.ringsHere(view.call.line),
    });
  });

  #disposers: (() => void)[] = [];
  #before: ConsoleView | null = null;
  #looking: ReturnType<typeof setTimeout> | undefined;
  #looked = 0;

  constructor(account: string) {
    this.leader = new Leader(account);
  }

  get #view(): ConsoleView | null {
    return this.live.document.value;
  }

  start(): void {
    this.live.start();
    this.leader.start();
    this.#disposers = [
      this.ring.prepare(),
      effect(() => this.#useAccount()),
      effect(() => this.#follow()),
      effect(() => this.#compareDevice()),
      effect(() => this.leader.setBusy(this.phone.state.value.session !== "none")),
    ];
    window.addEventListener("beforeunload", this.#leaving);
    window.addEventListener("pagehide", this.#left);
    void this.#watchMicrophone();
  }

  stop(): void {
    for (const dispose of this.#disposers) dispose();
    clearTimeout(this.#looking);
    window.removeEventListener("beforeunload", this.#leaving);
    window.removeEventListener("pagehide", this.#left);
    this.live.stop();
    this.leader.stop();
    this.ring.stop();
    this.phone.stop();
    this.#endWriting();
  }

  // --- what the agent does ----------------------------------------------------------------------

  async ready(): Promise<void> {
    this.ring.askToNotify();
    if (this.#view?.agent.device.kind === "browser") void this.askMicrophone();
    await this.#act(() => put("/api/agent/state", { state: "ready" }));
  }

  async pause(reason: string): Promise<void> {
    await this.#act(() => put("/api/agent/state", { state: "paused", reason }));
  }

  async accept(): Promise<void> {
    const offer = this.#view?.offer;
    if (!offer || this.accepting.value === offer.id) return;
    this.accepting.value = offer.id;
    this.ring.stop();
    if (this.ringsHere(offer.line)) this.phone.answer(offer.line);
    const accepted = await this.#act(() => post(`/api/agent/offers/${offer.id}/accept`), offer);
    if (accepted) return;
    this.accepting.value = null;
    if (this.#view?.call == null) this.phone.hangUp();
  }

  /** Whether a call on `line` comes to the phone in this page. The simulator rings the console
   * itself, whatever phone the agent has. */
  ringsHere(line: string): boolean {
    return this.#view?.agent.device.kind === "browser" && line !== SIMULATOR;
  }

  /** Whether the button in the console is what answers a call on `line`. */
  answersHere(line: string): boolean {
    const kind = this.#view?.agent.device.kind;
    return line === SIMULATOR || kind === "browser" || kind === "simulated";
  }

  /** Whether the page can put a caller on `line` on hold. */
  canHold(line: string): boolean {
    return this.ringsHere(line) && line !== TWILIO;
  }

  async decline(): Promise<void> {
    const offer = this.#view?.offer;
    if (!offer || this.accepting.value === offer.id) return;
    this.ring.stop();
    await this.#act(() => post(`/api/agent/offers/${offer.id}/decline`), offer);
  }

  async hangUp(): Promise<void> {
    const call = this.#view?.call;
    if (!call) return;
    try {
      await post(`/api/agent/calls/${call.id}/hangup`);
    } catch (error) {
      // Without the server the phone can still say goodbye by itself.
      if (error instanceof Unreachable && this.phone.state.value.session !== "none") {
        this.phone.hangUp();
      } else if (!isGone(error)) tellError(error);
    }
    await this.live.refresh();
  }

  /** Have a body of the directory called, to join the talk. */
  async bringIn(code: string): Promise<void> {
    const call = this.#view?.call;
    if (!call) return;
    const t = words.value.call.notCalled;
    try {
      await put(`/api/agent/calls/${call.id}/body`, { code });
    } catch (error) {
      const why = error instanceof ApiError ? error.fields.event : undefined;
      if (why !== undefined && why in t) tell(word(t, why), "bad");
      else tellError(error);
    }
    await this.live.refresh();
  }

  /** It leaves the talk, or is called no more. */
  async letGo(): Promise<void> {
    const call = this.#view?.call;
    if (call) await this.#act(() => post(`/api/agent/calls/${call.id}/body/end`));
  }

  async finish(outcome: string): Promise<void> {
    const saved = await Promise.all(savesOf(this.writing.value).map((save) => save.flush()));
    if (saved.includes(false)) {
      tell(words.value.wrapUp.unsaved, "bad");
      return;
    }
    await this.#act(() => post("/api/agent/wrap-up/done", { outcome }));
  }

  /** What the caller tells is two matters: a case of its own for the second one. */
  async another(): Promise<void> {
    const writing = this.writing.value;
    if (!writing) return;
    const { topic } = writing.save.form.value;
    await this.#act(async () => {
      const opened = await post<CaseDraft>(`/api/agent/calls/${writing.call}/cases`, { topic });
      this.shown.value = opened.number;
    });
  }

  /** Forget who the reporter of a case is, for good. */
  async makeAnonymous(save: CaseAutosave): Promise<void> {
    const writing = this.writing.value;
    if (writing === null) return;
    await save.flush();
    const { version, number } = save.stored.value;
    const which = save === writing.save ? {} : { number };
    await put(`/api/agent/calls/${writing.call}/case`, { version, anonymous: true, ...which });
    await this.live.refresh();
  }

  async sendNumber(channel: Channel): Promise<void> {
    const call = this.writing.value?.call;
    if (call === undefined || this.sending.value) return;
    this.sending.value = true;
    try {
      await this.#act(() => post(`/api/agent/calls/${call}/message`, { channel }));
    } finally {
      this.sending.value = false;
    }
  }

  toggleMute(): void {
    this.phone.setMuted(!this.phone.state.value.muted);
  }

  toggleHold(): void {
    this.phone.setHeld(!this.phone.state.value.held);
  }

  /** Have the browser ask for the microphone now, not when a citizen is already on the line. */
  async askMicrophone(): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
      this.microphone.value = "granted";
    } catch {
      this.microphone.value = "denied";
    }
  }

  /** Act, then show what is true now. An offer that is gone is told as that. */
  async #act(action: () => Promise<unknown>, offer?: Offer): Promise<boolean> {
    let went = true;
    try {
      await action();
    } catch (error) {
      went = false;
      if (offer !== undefined && isGone(error)) tell(words.value.offer.gone);
      else tellError(error);
    }
    await this.live.refresh();
    return went;
  }

  // --- what happens -----------------------------------------------------------------------------

  #useAccount(): void {
    const device = this.live.document.value?.agent.device;
    if (device === undefined) return;
    const leads = this.leader.role.value === "leader";
    const ours = leads && device.kind === "browser";
    const voice = ours ? (device.voice ?? null) : null;
    void this.phone.use(ours ? device.account : null, voice).catch(tellError);
  }

  /** The server learns from the phone network whether our phone is there (or gets us an account
   * later), and tells it only with other news: while something is amiss it is asked. */
  #compareDevice(): void {
    clearTimeout(this.#looking);
    const device = this.live.document.value?.agent.device;
    const registered = this.phone.state.value.registration === "registered";
    const ours = device?.kind === "browser" && this.leader.role.value === "leader";
    const nothing = device?.account === null && !device.voice;
    const differ = ours && (nothing || device.up !== registered);
    if (!differ || this.live.link.value !== "live") {
      this.#looked = 0;
      return;
    }
    this.#looking = setTimeout(
      () => {
        this.#looked += 1;
        void this.live.refresh();
      },
      wait(LOOK_AGAIN, this.#looked),
    );
  }

  #follow(): void {
    const view = this.live.document.value;
    const leads = this.leader.role.value === "leader";
    if (view === null) return;
    const before = this.#before;
    this.#before = view;
    tick();
    this.#followOffer(before, view, leads);
    this.#followTalk(before, view);
    this.#followCase(view);
  }

  #followOffer(before: ConsoleView | null, view: ConsoleView, leads: boolean): void {
    const { offer } = view;
    if (offer && offer.id !== before?.offer?.id && offer.call === sessionStorage.getItem(TALK)) {
      // The caller we lost is back: they were ours, and have waited long enough.
      announce(words.value.call.back, true);
      if (leads) void this.accept();
    } else if (offer && offer.id !== before?.offer?.id) {
      const topic = label(offer.topic.label);
      const t = words.value.offer;
      const say = offer.callback ? t.announceCallback : t.announce;
      announce(say(topic, languageName(offer.language)), true);
      const notify = offer.callback ? t.notifyCallback : t.notify;
      if (leads && this.answersHere(offer.line)) this.ring.start(notify(topic));
    }
    if (offer || !before?.offer) return;
    this.ring.stop();
    const accepted = this.accepting.value === before.offer.id;
    this.accepting.value = null;
    if (accepted && view.call === null) {
      this.phone.hangUp();
      tell(words.value.offer.gone);
    }
  }

  #followTalk(before: ConsoleView | null, view: ConsoleView): void {
    const talked = before?.call?.state === "talking";
    if (view.call?.state === "talking") sessionStorage.setItem(TALK, view.call.id);
    if (view.wrap_up || view.agent.state === "paused") sessionStorage.removeItem(TALK);
    if (view.call?.state === "talking" && !talked) announce(words.value.call.connected, true);
    if (view.wrap_up && !before?.wrap_up) announce(words.value.wrapUp.announce, true);
    else if (before?.call?.state === "dialling" && !view.call) tell(words.value.call.notReached);
    else if (before?.call && !view.call) announce(words.value.call.over, true);
    this.#followJoined(before?.call?.joined ?? null, view.call);
  }

  /** Who was brought in has come, or is gone: without an answer, too. */
  #followJoined(before: Call["joined"], call: Call | null): void {
    const t = words.value.call;
    const after = call?.joined ?? null;
    if (after?.state === "talking" && before?.state !== "talking")
      announce(t.joinedNow(label(after.label)), true);
    if (before === null || after !== null || call === null) return;
    tell(t.leftNow(label(before.label)));
  }

  /** One form lives from the first word of the talk to the end of the wrap-up. */
  #followCase(view: ConsoleView): void {
    const call = view.call?.id ?? view.wrap_up?.call ?? null;
    const stored = view.call?.case ?? view.wrap_up?.case ?? null;
    const others = view.call?.others ?? view.wrap_up?.others ?? [];
    const writing = this.writing.peek();
    if (writing && writing.call !== call) this.#endWriting();
    if (call === null || stored === null) return;
    if (writing?.call === call) {
      writing.save.adopt(stored);
      this.#followOthers(writing, others);
      return;
    }
    const save: CaseAutosave = this.#autosave(call, stored);
    const kept = this.kept.peek();
    if (kept?.call === call && kept.number === stored.number) {
      // The same caller is back: what could not be saved is typed again.
      for (const field of CASE_FIELDS) save.edit(field, kept.form[field]);
      this.kept.value = null;
    }
    this.writing.value = { call, save, others: [] };
    this.#followOthers(this.writing.value, others);
  }

  #followOthers(writing: Writing, others: CaseDraft[]): void {
    const known = new Map(writing.others.map((save) => [save.stored.peek().number, save]));
    for (const other of others) known.get(other.number)?.adopt(withTexts(other));
    const opened = others.filter((other) => !known.has(other.number));
    if (opened.length === 0) return;
    const saves = opened.map((other) => this.#autosave(writing.call, other, other.number));
    this.writing.value = { ...writing, others: [...writing.others, ...saves] };
  }

  /** `number`: of another case than the call's own. */
  #autosave(call: string, stored: CaseDraft, number?: string): CaseAutosave {
    return new Autosave<CaseField, CaseDraft>({
      fields: CASE_FIELDS,
      stored: withTexts(stored),
      save: async (changes, version, last) =>
        withTexts(
          await put<CaseDraft>(
            `/api/agent/calls/${call}/case`,
            { version, ...(number === undefined ? {} : { number }), ...changes },
            { keepalive: last },
          ),
        ),
      current: (error) => (error.code === "stale" ? error.current : null),
    });
  }

  #endWriting(): void {
    const writing = this.writing.peek();
    if (writing === null) return;
    this.writing.value = null;
    this.shown.value = null;
    for (const save of savesOf(writing)) {
      void save.flush(true).then((saved) => {
        save.stop();
        const { number } = save.stored.value;
        if (!saved) this.kept.value = { call: writing.call, number, form: save.form.value };
      });
    }
  }

  async #watchMicrophone(): Promise<void> {
    try {
      const status = await navigator.permissions.query({ name: "microphone" as PermissionName });
      const look = () => {
        this.microphone.value = status.state;
      };
      status.onchange = look;
      look();
    } catch {
      // Some browsers can't tell; then answering will.
    }
  }

  readonly #leaving = (event: BeforeUnloadEvent): void => {
    const inCall = this.phone.state.value.session === "up";
    const unsaved = savesOf(this.writing.value).some((save) => save.unsaved());
    if (inCall || unsaved) event.preventDefault();
  };

  readonly #left = (): void => {
    for (const save of savesOf(this.writing.value)) void save.flush(true);
  };
}

const savesOf = (writing: Writing | null): CaseAutosave[] =>
  writing === null ? [] : [writing.save, ...writing.others];

export const languageName = (code: string | null): string =>
  code === null ? "–" : word(words.value.language, code);

/** The thing that was acted on does not exist any more, or not in that state. */
function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 409);
}

/** Fields that nobody has filled come as null. */
function withTexts(stored: CaseDraft): CaseDraft {
  const texts = Object.fromEntries(CASE_FIELDS.map((field) => [field, stored[field] ?? ""]));
  return { ...stored, ...(texts as unknown as CaseForm) };
}
