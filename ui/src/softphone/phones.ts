/** The telephones of one page: one for each network that callers may come from, shown as one. */
import { computed, type ReadonlySignal } from "@preact/signals";
import { put } from "../api/http";
import type { SoftphoneAccount, VoiceAccount } from "../api/types";
import { Softphone } from "./softphone";
import { OFF, type PhoneState, type Registration } from "./state";
import { VoicePhone } from "./voice";

/** The line whose calls come to the phone on Twilio. */
export const TWILIO = "twilio";

export interface PhonesOptions {
  answerAtOnce: () => boolean;
  onRefused: () => void;
}

export class Phones {
  readonly sip: Softphone;
  readonly voice: VoicePhone;
  readonly state: ReadonlySignal<PhoneState>;

  constructor(options: PhonesOptions) {
    const say = (up: boolean) => void put("/api/agent/phone", { up }).catch(() => {});
    this.sip = new Softphone(options);
    this.voice = new VoicePhone({ ...options, say });
    this.state = computed(() => together([this.sip.state.value, this.voice.state.value]));
  }

  async use(account: SoftphoneAccount | null, voice: VoiceAccount | null): Promise<void> {
    await Promise.all([this.sip.use(account), this.voice.use(voice)]);
  }

  stop(): void {
    this.sip.stop();
    this.voice.stop();
  }

  /** Answer the call on `line` that rings, or is about to. */
  answer(line: string): void {
    if (line === TWILIO) this.voice.answer();
    else this.sip.answer();
  }

  hangUp(): void {
    this.sip.hangUp();
    this.voice.hangUp();
  }

  setMuted(muted: boolean): void {
    this.sip.setMuted(muted);
    this.voice.setMuted(muted);
  }

  /** Twilio's library knows no hold. */
  setHeld(held: boolean): void {
    this.sip.setHeld(held);
  }
}

/** A phone that is in a worse state is named: a call on its line would not come. */
const WORST: readonly Registration[] = ["refused", "lost", "connecting", "registered"];

/** Several phones as one: the talk of the one that has it, the worst of the registrations. */
export function together(phones: readonly PhoneState[]): PhoneState {
  const used = phones.filter((phone) => phone.registration !== "off" || phone.session !== "none");
  const registration = WORST.find((one) => used.some((phone) => phone.registration === one));
  if (registration === undefined) return phones[0] ?? OFF;
  const talking = used.find((phone) => phone.session !== "none");
  const troubled = used.find((phone) => phone.problem !== null);
  return { ...(talking ?? troubled ?? (used[0] as PhoneState)), registration };
}
