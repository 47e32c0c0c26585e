/**
 * A small make-believe server, so that every state of every page can be seen without the real one.
 * It knows one agent, one call at a time and no rules; `scene` puts it into a state.
 */
import type {
  BoardView,
  Call,
  CaseDraft,
  Channel,
  ConsoleView,
  Heard,
  Language,
  Me,
  Offer,
  Role,
  SimulatedCall,
  SimulatedWait,
  Topic,
} from "../src/api/types";

const topic = (code: string, id: string, en: string): Topic => ({ code, label: { id, en } });

export const TOPICS: Topic[] = [
  topic("upah", "Upah dan THR", "Wages and holiday allowance"),
  topic("phk", "PHK dan pesangon", "Dismissal and severance"),
  topic("bpjs", "BPJS Ketenagakerjaan", "Social security"),
  topic("k3", "Keselamatan kerja", "Safety at work"),
];
const UPAH = TOPICS[0] as Topic;

const OUTCOMES = [
  { code: "filed", label: { id: "Pengaduan dicatat", en: "Complaint filed" } },
  { code: "answered", label: { id: "Informasi diberikan", en: "Information given" } },
  {
    code: "continued",
    label: { id: "Lanjutan pengaduan lama", en: "Earlier complaint continued" },
  },
  { code: "cut", label: { id: "Terputus atau salah sambung", en: "Cut off or wrong number" } },
];

const ACCOUNTS: Record<string, { name: string; role: Role }> = {
  sari: { name: "Sari Wulandari", role: "agent" },
  budi: { name: "Budi Santoso", role: "supervisor" },
  rina: { name: "Rina Hapsari", role: "officer" },
  admin: { name: "Agus Pratama", role: "admin" },
};

export type Scene =
  | "offline"
  | "paused"
  | "missed"
  | "ready"
  | "offered"
  | "connecting"
  | "callback"
  | "dialling"
  | "talking"
  | "held"
  | "wrap_up"
  | "desk_phone"
  | "browser"
  | "empty_board";

const MINUTE = 60_000;

export class World {
  seq = 412;
  me: Me | null = null;
  languages: Record<string, Language> = {};
  conflict = false;
  emptyBoard = false;
  onChange: () => void = () => {};
  view: ConsoleView;
  #calls = new Map<string, MockCall>();
  #nextId = 1;

  constructor() {
    const now = Date.now();
    this.view = {
      seq: this.seq,
      agent: {
        id: "agent-1",
        name: "Sari Wulandari",
        state: "paused",
        since: now - 4 * MINUTE,
        reason: null,
        topics: TOPICS.slice(0, 2),
        device: { kind: "simulated", up: false, account: null },
      },
      offer: null,
      call: null,
      wrap_up: null,
      outcomes: OUTCOMES,
      today: { answered: 14, missed: 1 },
    };
  }

  signIn(username: string): Me | null {
    const account = ACCOUNTS[username];
    if (!account) return null;
    const language = this.languages[username] ?? "id";
    this.me = { account: { id: username, username, language, ...account }, csrf: "mock" };
    return this.me;
  }

  changed(): void {
    this.seq += 1;
    this.view = { ...this.view, seq: this.seq };
    this.onChange();
  }

  setState(state: ConsoleView["agent"]["state"], reason: string | null = null): void {
    this.view.agent = { ...this.view.agent, state, reason, since: Date.now() };
  }

  offer(caller: string | null): Offer {
    const now = Date.now();
    return {
      id: `offer-${this.#nextId++}`,
      call: "call-1",
      topic: UPAH,
      language: "id",
      caller,
      line: "simulator",
      waited_ms: 74_000,
      offered_at: now - 400,
      rang_at: now,
      expires_at: now + 15_000,
      leg: "leg-2",
      callback: false,
      tries: 0,
    };
  }

  case(): CaseDraft {
    return {
      number: "2648151621",
      pin: "730946",
      topic: "upah",
      status: "draft",
      narrative: "",
      reporter_name: "",
      employer: "",
      anonymous: false,
      version: 1,
    };
  }

  call(state: Call["state"], ago: number): Call {
    const now = Date.now();
    return {
      id: `call-${this.#nextId++}`,
      state,
      since: now - ago,
      answered_at: state === "connecting" || state === "dialling" ? null : now - ago,
      caller: "+6281234567890",
      line: "simulator",
      topic: UPAH,
      language: "id",
      chose: ["language: id", "topic: upah"],
      leg: "leg-2",
      case: this.case(),
      others: [],
      bodies: [
        {
          code: "KP2MI",
          label: {
            id: "Pelindungan pekerja migran (KP2MI)",
            en: "Migrant worker protection (KP2MI)",
          },
          numbers: ["175", "WhatsApp 0813-8007-0175"],
          hours: "06:00-22:00",
          call: "+62 21 2924 4800",
        },
      ],
      joined: null,
      message: { channels: ["sms", "whatsapp"], latest: null },
    };
  }

  /** It rings, and a moment later it is in the talk. */
  bringIn(code: string): void {
    const { call } = this.view;
    const body = call?.bodies.find((one) => one.code === code);
    if (call === null || body === undefined) return;
    const became = (state: "ringing" | "talking") => {
      call.joined = { code, label: body.label, state, since: Date.now() };
      this.changed();
    };
    became("ringing");
    setTimeout(() => call.joined && became("talking"), 3000);
  }

  letGo(): void {
    if (this.view.call) this.view.call.joined = null;
    this.changed();
  }

  /** The number is on its way, and a moment later it has arrived. */
  sendNumber(channel: Channel): void {
    const { call, wrap_up } = this.view;
    const shown = call ?? wrap_up;
    if (shown === null) return;
    const became = (state: string) => {
      shown.message = { channels: [], latest: { channel, state, reason: null } };
      this.changed();
    };
    became("waiting");
    setTimeout(() => became("delivered"), 2000);
  }

  scene(scene: Scene): void {
    this.view = { ...this.view, offer: null, call: null, wrap_up: null };
    this.view.agent.device = { kind: "simulated", up: false, account: null };
    this.emptyBoard = scene === "empty_board";
    switch (scene) {
      case "offline":
      case "paused":
      case "ready":
        this.setState(scene, scene === "paused" ? "meal" : null);
        break;
      case "missed":
        this.setState("paused", "missed");
        break;
      case "offered":
        this.setState("offered");
        this.view.offer = this.offer("+6281234567890");
        break;
      case "callback":
        this.setState("offered");
        this.view.offer = {
          ...this.offer("+6281234567890"),
          waited_ms: 4_260_000,
          callback: true,
          tries: 1,
        };
        break;
      case "dialling":
      case "connecting":
      case "talking":
      case "held":
        this.setState("talking");
        this.view.call = this.call(scene, scene === "talking" || scene === "held" ? 187_000 : 800);
        break;
      case "wrap_up":
        this.view.call = this.call("talking", 240_000);
        this.endCall();
        return;
      case "desk_phone":
        this.setState("ready");
        this.view.agent.device = { kind: "sip", up: false, account: null };
        break;
      case "browser":
        this.setState("ready");
        this.view.agent.device = {
          kind: "browser",
          up: false,
          account: {
            uri: "sip:agent-1@127.0.0.1",
            username: "agent-1",
            password: "secret",
            ws: "ws://127.0.0.1:9/ws",
          },
        };
        break;
      case "empty_board":
        this.setState("ready");
    }
    this.changed();
  }

  accept(): void {
    this.view.offer = null;
    this.view.call = this.call("talking", 0);
    this.setState("talking");
    this.changed();
  }

  decline(): void {
    this.view.offer = null;
    this.setState("ready");
    this.changed();
  }

  endCall(): void {
    const { call } = this.view;
    if (call === null) return;
    const now = Date.now();
    this.view.call = null;
    this.view.wrap_up = {
      call: call.id,
      since: now,
      until: now + 120_000,
      case: call.case,
      others: [],
      message: call.message ?? null,
    };
    this.setState("wrap_up");
    for (const each of this.#calls.values()) if (each.wait === "room") each.state = "gone";
    this.changed();
  }

  wrapUpDone(): void {
    this.view.wrap_up = null;
    this.setState("ready");
    this.changed();
  }

  /** The stored case after the change, or null when its version is not the newest. */
  saveCase(version: number, changes: Partial<CaseDraft>): CaseDraft | null {
    const holder = this.view.call ?? this.view.wrap_up;
    if (!holder?.case) return null;
    if (this.conflict) {
      this.conflict = false;
      holder.case = {
        ...holder.case,
        narrative: "Pelapor menelepon dua kali; lihat juga panggilan pukul 09.12.",
        employer: "PT Maju Jaya",
        anonymous: false,
        version: holder.case.version + 1,
      };
    }
    if (version !== holder.case.version) return null;
    holder.case = { ...holder.case, ...changes, status: "new", version: version + 1 };
    this.changed();
    return holder.case;
  }

  stored(): CaseDraft | null {
    return (this.view.call ?? this.view.wrap_up)?.case ?? null;
  }

  board(): BoardView {
    const now = Date.now();
    if (this.emptyBoard) return emptyBoard(this.seq, now);
    return board(this.seq, now, this.view);
  }

  // --- simulated calls ------------------------------------------------------------------------

  dial(from: string | null, to: string): string {
    const id = `sim-${this.#nextId++}`;
    const call = new MockCall(from, to, () => this.#queued(call));
    this.#calls.set(id, call);
    return id;
  }

  simulated(id: string): MockCall | undefined {
    return this.#calls.get(id);
  }

  #queued(call: MockCall): void {
    if (this.view.agent.state !== "ready") return;
    setTimeout(() => {
      this.setState("offered");
      this.view.offer = this.offer(call.from);
      this.changed();
      const timer = setInterval(() => {
        if (this.view.call) {
          call.say("Anda tersambung dengan petugas kami.", "room");
          clearInterval(timer);
        }
      }, 300);
    }, 3000);
  }
}

/** A caller's walk through a script of three steps. */
export class MockCall {
  state: SimulatedCall["state"] = "ringing";
  wait: SimulatedWait | null = null;
  readonly heard: Heard[] = [];
  #stage = "language";
  readonly from: string | null;
  readonly to: string;
  readonly #queued: () => void;

  constructor(from: string | null, to: string, queued: () => void) {
    this.from = from;
    this.to = to;
    this.#queued = queued;
    setTimeout(() => {
      this.state = "up";
      this.say("Selamat datang di layanan pengaduan Kementerian Ketenagakerjaan.", "prompts_end");
      this.say("Untuk bahasa Indonesia, tekan satu. For English, press two.", "keys");
    }, 900);
  }

  say(text: string, wait: SimulatedWait): void {
    this.heard.push({ n: this.heard.length + 1, text, language: "id", sound: null });
    this.wait = wait;
  }

  keys(keys: string): void {
    if (this.#stage === "language") {
      this.#stage = "topic";
      this.say(
        "Untuk upah dan tunjangan hari raya, tekan satu. Untuk pemutusan hubungan kerja, tekan dua. Untuk menanyakan pengaduan Anda, tekan delapan.",
        "keys",
      );
    } else if (this.#stage === "topic" && keys === "1") {
      this.#stage = "queue";
      this.say(
        "Nomor pengaduan Anda: dua enam, empat delapan satu lima, satu enam dua satu.",
        "prompts_end",
      );
      this.say("Semua petugas sedang sibuk. Anda urutan pertama.", "music");
      this.#queued();
    } else if (this.#stage === "topic") {
      this.say("Silakan tinggalkan pesan setelah nada.", "recording");
    }
  }

  silence(): void {
    this.say("Kami belum mendengar pilihan Anda.", "keys");
  }

  speak(): void {
    this.say("Terima kasih. Pesan Anda sudah kami simpan.", "prompts_end");
  }

  document(after: number): SimulatedCall {
    return {
      state: this.state,
      heard: this.heard.filter((each) => each.n > after),
      line: "simulator",
      wait: this.state === "up" ? this.wait : null,
      from: this.from,
      to: this.to,
    };
  }
}

function emptyBoard(seq: number, now: number): BoardView {
  return {
    seq,
    at: now,
    waiting: [],
    callbacks: [],
    topics: TOPICS.map((each) => ({ ...each, waiting: 0, longest_since: null, ready: 0 })),
    agents: [],
    today: {
      arrived: 0,
      answered: 0,
      abandoned: 0,
      messages: 0,
      cases: 0,
      in_ivr: 0,
      talking: 0,
      abandoned_short: 0,
      left: 0,
      callbacks: 0,
      called_back: 0,
      given_up: 0,
      service_level: null,
      abandon_rate: null,
      longest_wait_s: null,
      average_wait_s: null,
    },
    by_hour: [],
  };
}

function board(seq: number, now: number, view: ConsoleView): BoardView {
  const hour = new Date(now).setHours(8, 0, 0, 0);
  const arrived = [12, 31, 44, 38, 22, 35, 29, 14];
  return {
    seq,
    at: now,
    waiting: [
      { entry: "e1", topic: "phk", since: now - 214_000, state: "waiting" },
      { entry: "e2", topic: "upah", since: now - 96_000, state: "offered" },
      { entry: "e3", topic: "upah", since: now - 71_000, state: "waiting" },
      { entry: "e4", topic: "upah", since: now - 12_000, state: "waiting" },
    ],
    callbacks: [
      { entry: "k1", topic: "upah", since: now - 4_260_000, state: "dialled", tries: 2 },
      { entry: "k2", topic: "phk", since: now - 2_140_000, state: "waiting", tries: 1 },
      { entry: "k3", topic: "upah", since: now - 311_000, state: "waiting", tries: 0 },
    ],
    topics: TOPICS.map((each, i) => ({
      ...each,
      waiting: [3, 1, 0, 0][i] ?? 0,
      longest_since: [now - 96_000, now - 214_000, null, null][i] ?? null,
      ready: [1, 0, 2, 1][i] ?? 0,
    })),
    agents: [
      {
        id: "agent-1",
        name: view.agent.name,
        state: view.agent.state,
        since: view.agent.since,
        reason: view.agent.reason,
      },
      { id: "a2", name: "Dewi Lestari", state: "talking", since: now - 431_000, topic: "phk" },
      { id: "a3", name: "Joko Susilo", state: "talking", since: now - 95_000, topic: "upah" },
      { id: "a4", name: "Maria Simanjuntak", state: "ready", since: now - 63_000 },
      { id: "a5", name: "Putu Ayu Kartika", state: "wrap_up", since: now - 41_000, topic: "k3" },
      { id: "a6", name: "Hendra Wijaya", state: "paused", since: now - 1_460_000, reason: "meal" },
      { id: "a7", name: "Fitri Rahmawati", state: "offered", since: now - 6_000, topic: "upah" },
      { id: "a8", name: "Yohanes Nababan", state: "offline", since: now - 9_000_000 },
    ],
    today: {
      arrived: 225,
      answered: 171,
      abandoned: 19,
      messages: 8,
      cases: 138,
      in_ivr: 3,
      talking: 2,
      abandoned_short: 4,
      left: 6,
      callbacks: 14,
      called_back: 10,
      given_up: 1,
      service_level: 0.8125,
      abandon_rate: 0.0806,
      longest_wait_s: 403,
      average_wait_s: 48.3,
    },
    by_hour: arrived.map((n, i) => ({
      hour: hour + i * 3_600_000,
      arrived: n,
      answered: Math.round(n * 0.78),
      abandoned: Math.round(n * 0.09),
    })),
  };
}
