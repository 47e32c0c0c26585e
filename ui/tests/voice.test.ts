import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { together } from "../src/softphone/phones";
import { OFF } from "../src/softphone/state";
import { VoicePhone } from "../src/softphone/voice";

type Listener = (value?: unknown) => void;

class Emitter {
  #listeners = new Map<string, Listener[]>();
  on(name: string, listener: Listener): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }
  emit(name: string, value?: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(value);
  }
}

class FakeCall extends Emitter {
  accept = vi.fn(() => this.emit("accept"));
  reject = vi.fn(() => this.emit("reject"));
  disconnect = vi.fn(() => this.emit("disconnect"));
  mute = vi.fn((muted: boolean) => this.emit("mute", muted));
}

class FakeDevice extends Emitter {
  static all: FakeDevice[] = [];
  audio = { incoming: vi.fn() };
  register = vi.fn(async () => this.emit("registered"));
  destroy = vi.fn();
  updateToken = vi.fn();
  readonly token: string;
  constructor(token: string) {
    super();
    this.token = token;
    FakeDevice.all.push(this);
  }
  ring(): FakeCall {
    const call = new FakeCall();
    this.emit("incoming", call);
    return call;
  }
}

const account = { identity: "agent_a", token: "t1", expires_at: 0 };
let taken = false;
let said: boolean[];
let refused: ReturnType<typeof vi.fn<() => void>>;
let phone: VoicePhone;

const device = (): FakeDevice => FakeDevice.all.at(-1) as FakeDevice;

beforeEach(async () => {
  vi.useFakeTimers();
  FakeDevice.all = [];
  taken = false;
  said = [];
  refused = vi.fn<() => void>();
  phone = new VoicePhone({
    answerAtOnce: () => taken,
    onRefused: refused,
    say: (up) => said.push(up),
    load: async () => ({ Device: FakeDevice }) as never,
  });
  await phone.use(account);
});
afterEach(() => {
  phone.stop();
  vi.useRealTimers();
});

test("registers, says so again and again, and leaves the ringing to the console", () => {
  expect(phone.state.value.registration).toBe("registered");
  expect(device().audio.incoming).toHaveBeenCalledWith(false);
  vi.advanceTimersByTime(31_000);
  expect(said).toEqual([true, true, true]);
  device().emit("unregistered");
  expect(said.at(-1)).toBe(false);
  vi.advanceTimersByTime(31_000);
  expect(said.length).toBe(4);
});

test("a new token interrupts nothing, another name begins anew", async () => {
  const call = device().ring();
  phone.answer();
  await phone.use({ ...account, token: "t2" });
  expect(device().updateToken).toHaveBeenCalledWith("t2");
  expect(phone.state.value.session).toBe("up");
  expect(call.disconnect).not.toHaveBeenCalled();
  await phone.use({ identity: "agent_b", token: "t3", expires_at: 0 });
  expect(FakeDevice.all.length).toBe(2);
  expect(FakeDevice.all[0]?.destroy).toHaveBeenCalled();
  FakeDevice.all[0]?.emit("unregistered");
  expect(phone.state.value.registration).toBe("registered");
});

test("a token that ends is asked for anew", () => {
  device().emit("tokenWillExpire");
  expect(refused).toHaveBeenCalledTimes(1);
  device().emit("error", { code: 20104 });
  expect(refused).toHaveBeenCalledTimes(2);
  expect(phone.state.value.registration).toBe("refused");
  device().emit("error", { code: 31005 });
  expect(refused).toHaveBeenCalledTimes(2);
});

test("rings and is answered on a click", () => {
  const call = device().ring();
  expect(phone.state.value.session).toBe("ringing");
  expect(call.accept).not.toHaveBeenCalled();
  phone.answer();
  expect(phone.state.value.session).toBe("up");
  phone.setMuted(true);
  expect(phone.state.value.muted).toBe(true);
  phone.hangUp();
  expect(call.disconnect).toHaveBeenCalled();
  expect(phone.state.value.session).toBe("none");
});

test("a click before the ring answers it when it comes, but not for ever", () => {
  phone.answer();
  vi.advanceTimersByTime(3_000);
  expect(device().ring().accept).toHaveBeenCalled();
  device();
  phone.hangUp();
  phone.answer();
  vi.advanceTimersByTime(16_000);
  expect(device().ring().accept).not.toHaveBeenCalled();
});

test("a ring while the server has us in a call is picked up at once", () => {
  taken = true;
  expect(device().ring().accept).toHaveBeenCalled();
});

test("a second ring is refused, a caller who goes is gone", () => {
  const first = device().ring();
  const second = device().ring();
  expect(second.reject).toHaveBeenCalled();
  first.emit("cancel");
  expect(phone.state.value.session).toBe("none");
});

test("a blocked microphone and lost sound are told", () => {
  const call = device().ring();
  phone.answer();
  call.emit("reconnecting", {});
  expect(phone.state.value.problem).toBe("sound");
  call.emit("reconnected");
  expect(phone.state.value.problem).toBeNull();
  call.emit("disconnect");
  const next = device().ring();
  next.emit("error", { code: 31401 });
  expect(next.reject).toHaveBeenCalled();
  expect(phone.state.value).toMatchObject({ session: "none", problem: "microphone" });
});

test("two phones are as one", () => {
  const registered = { ...OFF, registration: "registered" } as const;
  const talking = { ...registered, session: "up", muted: true } as const;
  expect(together([OFF, OFF])).toBe(OFF);
  expect(together([registered, OFF])).toEqual(registered);
  expect(together([registered, talking])).toEqual(talking);
  const lost = { ...OFF, registration: "lost" } as const;
  expect(together([talking, lost])).toMatchObject({ session: "up", registration: "lost" });
});
