/** The simulated caller: a telephone on the left, what it hears on the right. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { words } from "../i18n";
import { useShortcuts } from "../lib/keys";
import { type Line, PhoneCall } from "./call";
import { Sound } from "./sound";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"] as const;
const FROM = "+62811000111";
const TO = "1500630";

interface Parts {
  call: PhoneCall;
  sound: Sound;
}

export function Phone() {
  const { phone: t, app } = words.value;
  const parts = useMemo<Parts>(() => {
    const sound = new Sound();
    return { sound, call: new PhoneCall((heard) => sound.say(heard)) };
  }, []);
  useEffect(
    () => () => {
      parts.call.stop();
      parts.sound.clear();
    },
    [parts],
  );
  useEffect(() => {
    document.title = `${t.title} – ${app.name}`;
  });
  return (
    <div class="phone-page">
      <div class="page-head">
        <h1>{t.title}</h1>
        <p class="quiet-text">{t.intro}</p>
      </div>
      <div class="phone-grid">
        <Handset {...parts} />
        <Transcript {...parts} />
      </div>
    </div>
  );
}

function Handset({ call, sound }: Parts) {
  const t = words.value.phone;
  const state = call.state.value;
  const up = state === "up";
  const called = state === "called";
  const press = (key: string) => {
    sound.clear();
    call.press(key);
  };
  const hangUp = () => {
    sound.clear();
    call.hangUp();
  };
  const keys = Object.fromEntries(KEYS.map((key) => [key, () => press(key)]));
  const whenCalled = { Enter: () => void call.answer(), Escape: () => void call.busy() };
  useShortcuts(up ? keys : called ? whenCalled : {});
  const wait = call.wait.value;
  const listens = !call.live() && call.number !== null;
  return (
    <section class="panel handset" aria-label={t.title}>
      <Numbers call={call} hangUp={hangUp} />
      <p class={`phone-state ${state}`} role="status" data-wait={wait}>
        <b>{t.states[state]}</b>
        <span>
          {up && wait !== null && t.waits[wait]}
          {listens && t.listens}
          {called && `${words.value.offer.answer}: Enter · ${t.busy}: Esc`}
        </span>
      </p>
      <fieldset class="keypad" disabled={!up} aria-label={t.keypad}>
        {KEYS.map((key) => (
          <button key={key} type="button" onClick={() => press(key)}>
            {key}
          </button>
        ))}
      </fieldset>
      <button type="button" disabled={!up} onClick={() => call.beSilent()}>
        {t.beSilent}
      </button>
      <p class="hint">{t.keypadHint}</p>
    </section>
  );
}

interface NumbersProps {
  call: PhoneCall;
  hangUp: () => void;
}

/** Who calls whom, and the telephone's two buttons, which also take a call or refuse it. */
function Numbers({ call, hangUp }: NumbersProps) {
  const t = words.value.phone;
  const live = call.live();
  const called = call.state.value === "called";
  const [from, setFrom] = useState(call.number ?? FROM);
  const [to, setTo] = useState(TO);
  const [withheld, setWithheld] = useState(false);
  const [problem, setProblem] = useState("");
  const dial = (event: Event) => {
    event.preventDefault();
    if (called) {
      void call.answer();
      return;
    }
    const caller = from.replaceAll(/[\s-]/g, "");
    if ((!withheld && !/^\+?\d{3,15}$/.test(caller)) || !/^\+?\d{3,15}$/.test(to.trim())) {
      setProblem(t.badNumber);
      return;
    }
    setProblem("");
    void call.dial(withheld ? null : caller, to.trim());
  };
  return (
    <form class="numbers" onSubmit={dial}>
      <div class="pair">
        <label class="field">
          <span>{t.from}</span>
          <input
            value={from}
            inputMode="tel"
            autocomplete="off"
            disabled={live || withheld}
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{t.to}</span>
          <input
            value={to}
            inputMode="tel"
            autocomplete="off"
            disabled={live}
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </label>
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={withheld}
          disabled={live}
          onChange={(event) => setWithheld(event.currentTarget.checked)}
        />
        {t.withhold}
      </label>
      <div class="pair">
        <button type="submit" class="go" disabled={live && !called}>
          {called ? words.value.offer.answer : call.state.value === "gone" ? t.again : t.call}
        </button>
        <button
          type="button"
          class="stop"
          disabled={!live}
          onClick={called ? () => void call.busy() : hangUp}
        >
          {called ? t.busy : t.hangUp}
        </button>
      </div>
      <p class="problem" role="alert">
        {call.off.value ? `${t.off} ${t.offGo}` : problem}
      </p>
    </form>
  );
}

function Transcript({ call, sound }: Parts) {
  const t = words.value.phone;
  const lines = call.lines.value;
  const over = lines.length > 0 && ["gone", "called"].includes(call.state.value);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines.length, over]);
  return (
    <section class="panel transcript" aria-label={t.transcript}>
      <div class="panel-head">
        <h2>{t.transcript}</h2>
        <button
          type="button"
          class="quiet"
          aria-pressed={sound.on.value}
          onClick={() => sound.turn(!sound.on.value)}
        >
          {sound.on.value ? t.soundOff : t.soundOn}
        </button>
      </div>
      <ol ref={list} class="lines" aria-live="polite">
        {lines.length === 0 && <li class="nothing">{t.empty}</li>}
        {joined(lines).map((line, i) => (
          <TranscriptLine key={i} line={line} />
        ))}
        {over && <li class="end">{t.ended}</li>}
      </ol>
      <Speak call={call} />
    </section>
  );
}

/** What goes on in the middle of a sentence (digits, one by one) stands on the line before. */
function joined(lines: Line[]): Line[] {
  const all: Line[] = [];
  for (const line of lines) {
    const before = all.at(-1);
    if (line.who === "hotline" && before?.who === "hotline" && /^\p{Ll}/u.test(line.heard.text)) {
      const text = `${before.heard.text} ${line.heard.text}`;
      all[all.length - 1] = { who: "hotline", heard: { ...before.heard, text } };
    } else all.push(line);
  }
  return all;
}

function TranscriptLine({ line }: { line: Line }) {
  const t = words.value.phone;
  if (line.who === "hotline") {
    return (
      <li class="hotline" lang={line.heard.language}>
        {line.heard.text}
      </li>
    );
  }
  const said = { pressed: t.pressed(line.text), spoke: t.spoke(line.text), silent: t.silent };
  return <li class="me">{said[line.did]}</li>;
}

/** The caller's own words; they count while the hotline records. */
function Speak({ call }: { call: PhoneCall }) {
  const t = words.value.phone;
  const [text, setText] = useState("");
  const recording = call.state.value === "up" && call.wait.value === "recording";
  const speak = (event: Event) => {
    event.preventDefault();
    if (text.trim() === "") return;
    call.speak(text.trim());
    setText("");
  };
  return (
    <form class="speak" onSubmit={speak}>
      <input
        value={text}
        disabled={!recording}
        aria-label={t.speakLabel}
        placeholder={t.speakPlaceholder}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={!recording}>
        {t.speak}
      </button>
    </form>
  );
}
