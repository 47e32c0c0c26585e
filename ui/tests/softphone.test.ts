import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Softphone } from "../src/softphone/softphone";
import { after, OFF, type PhoneEvent, type PhoneState } from "../src/softphone/state";

// --- the table ----------------------------------------------------------------------------------

const run = (...events: PhoneEvent[]): PhoneState => events.reduce(after, OFF);

test("a call from ring to end", () => {
  expect(run("start", "connected", "registered")).toMatchObject({
    registration: "registered",
    session: "none",
  });
  expect(run("start", "registered", "incoming").session).toBe("ringing");
  expect(run("start", "registered", "incoming", "answer").session).toBe("answering");
  expect(run("start", "registered", "incoming", "answer", "confirmed").session).toBe("up");
  const muted = run("start", "registered", "incoming", "answer", "confirmed", "mute", "hold");
  expect(muted).toMatchObject({ muted: true, held: true });
  expect(after(muted, "over")).toMatchObject({ session: "none", muted: false, held: false });
});

test("losing the connection does not end a talk", () => {
  const talking = run("start", "registered", "incoming", "answer", "confirmed");
  expect(after(talking, "disconnected")).toMatchObject({ registration: "lost", session: "up" });
});

test("events out of place change nothing", () => {
  const ready = run("start", "registered");
  for (const event of ["answer", "confirmed", "mute", "hold", "sound_lost"] as const) {
    expect(after(ready, event)).toBe(ready);
  }
  for (const event of ["registered", "incoming", "disconnected"] as const) {
    expect(after(OFF, event)).toBe(OFF);
  }
});

test("trying in vain to register over a lost connection stays lost, not refused", () => {
  const lost = run("start", "registered", "disconnected");
  expect(after(lost, "registration_failed").registration).toBe("lost");
  expect(run("start", "connected", "registration_failed").registration).toBe("refused");
});

// --- the adapter, over a JsSIP that does nothing by itself ----------------------------------------

type Listener = (event?: unknown) => void;

class Emitter {
  #listeners = new Map<string, Listener[]>();
  on(name: string, listener: Listener): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }
  emit(name: string, event?: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
}

class FakeSession extends Emitter {
  inProgress = true;
  ended = false;
  answer = vi.fn();
  terminate = vi.fn();
  isInProgress = () => this.inProgress;
  isEnded = () => this.ended;
  mute = () => this.emit("muted");
  unmute = () => this.emit("unmuted");
  hold = () => this.emit("hold", { originator: "local" });
  unhold = () => this.emit("unhold", { originator: "local" });
}

class FakeUa extends Emitter {
  static all: FakeUa[] = [];
  start = vi.fn();
  stop = vi.fn();
  register = vi.fn();
  isConnected = () => true;
  readonly configuration: Record<string, unknown>;
  constructor(configuration: Record<string, unknown>) {
    super();
    this.configuration = configuration;
    FakeUa.all.push(this);
  }
  ring(): FakeSession {
    const session = new FakeSession();
    this.emit("newRTCSession", { originator: "remote", session });
    return session;
  }
}

const account = { uri: "sip:a@x", username: "a", password: "p", ws: "ws://x/ws" };
let taken = false;
let phone: Softphone;
let refused: ReturnType<typeof vi.fn<() => void>>;

const ua = (): FakeUa => FakeUa.all.at(-1) as FakeUa;

beforeEach(async () => {
  vi.useFakeTimers();
  FakeUa.all = [];
  taken = false;
  refused = vi.fn<() => void>();
  class FakeSocket {}
  phone = new Softphone({
    answerAtOnce: () => taken,
    onRefused: refused,
    load: async () => ({ UA: FakeUa, WebSocketInterface: FakeSocket }) as never,
  });
  await phone.use(account);
  ua().emit("registered");
});
afterEach(() => {
  phone.stop();
  vi.useRealTimers();
});

test("registers with the account, begins anew only when it changes", async () => {
  expect(ua().configuration).toMatchObject({ uri: "sip:a@x", password: "p", register: true });
  await phone.use({ ...account });
  expect(FakeUa.all.length).toBe(1);
  await phone.use({ ...account, password: "q" });
  expect(FakeUa.all.length).toBe(2);
  expect(FakeUa.all[0]?.stop).toHaveBeenCalled();
  FakeUa.all[0]?.emit("disconnected");
  expect(phone.state.value.registration).toBe("connecting");
});

test("rings, and answers on a click, without asking anybody for addresses", () => {
  const session = ua().ring();
  expect(phone.state.value.session).toBe("ringing");
  expect(session.answer).not.toHaveBeenCalled();
  phone.answer();
  expect(session.answer).toHaveBeenCalledWith(
    expect.objectContaining({ pcConfig: { iceServers: [] } }),
  );
  session.inProgress = false;
  session.emit("confirmed");
  expect(phone.state.value.session).toBe("up");
});

test("a click before the ring answers it when it comes, but not for ever", () => {
  phone.answer();
  vi.advanceTimersByTime(3_000);
  expect(ua().ring().answer).toHaveBeenCalled();
  phone.stop();
});

test("a click whose call never came answers no later call", () => {
  phone.answer();
  vi.advanceTimersByTime(16_000);
  expect(ua().ring().answer).not.toHaveBeenCalled();
});

test("hanging up takes an early click back", () => {
  phone.answer();
  phone.hangUp();
  expect(ua().ring().answer).not.toHaveBeenCalled();
});

test("a ring while the server has us in a call is picked up at once", () => {
  taken = true;
  expect(ua().ring().answer).toHaveBeenCalled();
});

test("a second ring during a talk is busy", () => {
  ua().ring();
  phone.answer();
  const second = ua().ring();
  expect(second.terminate).toHaveBeenCalledWith({ status_code: 486 });
  expect(phone.state.value.session).toBe("answering");
});

test("the search for addresses ends soon after the first", () => {
  const session = ua().ring();
  const ready = vi.fn();
  session.emit("icecandidate", { ready });
  session.emit("icecandidate", { ready });
  vi.advanceTimersByTime(299);
  expect(ready).not.toHaveBeenCalled();
  vi.advanceTimersByTime(201);
  expect(ready).toHaveBeenCalledTimes(1);
});

test("mute and hold follow what the phone really did", () => {
  phone.setMuted(true);
  expect(phone.state.value.muted).toBe(false);
  const session = ua().ring();
  phone.answer();
  session.emit("confirmed");
  phone.setMuted(true);
  phone.setHeld(true);
  expect(phone.state.value).toMatchObject({ muted: true, held: true });
  phone.setHeld(false);
  expect(phone.state.value.held).toBe(false);
  session.ended = true;
  session.emit("ended");
  expect(phone.state.value).toMatchObject({ session: "none", muted: false });
});

test("a blocked microphone is told", () => {
  const session = ua().ring();
  phone.answer();
  session.emit("getusermediafailed");
  expect(phone.state.value).toMatchObject({ session: "none", problem: "microphone" });
});

test("refused: asks for a new account, and tries again", () => {
  ua().emit("registrationFailed");
  expect(phone.state.value.registration).toBe("refused");
  expect(refused).toHaveBeenCalled();
  vi.advanceTimersByTime(2_000);
  expect(ua().register).toHaveBeenCalled();
});
