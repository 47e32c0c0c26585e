/** The top of the console: can I be reached, since when, by which phone; ready and pause. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ConsoleView } from "../api/types";
import { word, words } from "../i18n";
import { now } from "../lib/clock";
import { duration } from "../lib/format";
import { useShortcuts } from "../lib/keys";
import { toneOf } from "./availability";
import type { ConsoleStore } from "./store";

const REASONS = ["break", "meal", "prayer", "meeting", "training", "other"] as const;

interface Props {
  store: ConsoleStore;
  view: ConsoleView;
}

export function StateBar({ store, view }: Props) {
  const tone = toneOf(store.reach.value);
  return (
    <section class={`state-bar ${tone}`} aria-label={words.value.availability.label}>
      <Reach store={store} view={view} />
      <DeviceState store={store} view={view} />
      <Controls store={store} view={view} />
    </section>
  );
}

function Reach({ store, view }: Props) {
  const { availability: t, states, pause } = words.value;
  const reach = store.reach.value;
  const { state, since, reason } = view.agent;
  const why = reason === null ? "" : word(pause.reasons, reason);
  return (
    <div class="reach">
      <span class="lamp" aria-hidden="true" />
      <div>
        <p class="reach-what" role="status">
          {t[reach]}
        </p>
        <p class="reach-more">
          <b>{states[state]}</b>
          {state === "paused" && why !== "" && ` · ${why}`} {t.inState(duration(now.value - since))}
          <Advice store={store} />
        </p>
      </div>
    </div>
  );
}

/** What to do about what is wrong. */
function Advice({ store }: { store: ConsoleStore }) {
  const t = words.value.availability;
  switch (store.reach.value) {
    case "lost":
      return <span> · {t.lostGo}</span>;
    case "microphone":
      return <span> · {t.microphoneGo}</span>;
    case "talkSilent":
      return <span> · {t.talkSilentGo}</span>;
    case "phoneLost":
      return <span> · {t.phoneLostGo}</span>;
    case "phoneRefused":
      return <span> · {t.phoneRefusedGo}</span>;
    case "otherTab":
      return store.leader.otherBusy.value ? <span> · {t.otherTabBusy}</span> : null;
    default:
      return null;
  }
}

function DeviceState({ store, view }: Props) {
  const { availability: t, devices } = words.value;
  const { kind } = view.agent.device;
  const look = lookOf(store, view);
  const askable = kind === "browser" && store.microphone.value === "prompt";
  return (
    <div class="device">
      <p>{devices[kind]}</p>
      <p class={look === "phoneUp" ? "good-text" : look === "phoneDown" ? "bad-text" : ""}>
        <span aria-hidden="true">{look === "phoneUp" ? "●" : "○"}</span> {t[look]}
        {askable && (
          <button type="button" class="link" onClick={() => void store.askMicrophone()}>
            {t.askMicrophone}
          </button>
        )}
      </p>
    </div>
  );
}

/** What is known of the phone; of a desk phone nothing is until it is rung. */
function lookOf(store: ConsoleStore, view: ConsoleView) {
  const { kind, up } = view.agent.device;
  if (store.live.link.value !== "live") return "phoneWaiting";
  if (kind === "simulated") return "phoneUp";
  if (kind !== "browser") return "phoneRung";
  const { registration } = store.phone.state.value;
  if (registration === "connecting") return "phoneWaiting";
  return up && registration === "registered" ? "phoneUp" : "phoneDown";
}

function Controls({ store, view }: Props) {
  const { pause: t, availability } = words.value;
  const { state, reason } = view.agent;
  const [open, setOpen] = useState(false);
  const busy = state === "offered" || state === "talking" || state === "wrap_up";
  const booked = busy && reason !== null;
  const mayPause = state === "ready" || (busy && !booked);

  const toggle = () => {
    if (mayPause) setOpen(!open);
    else void store.ready();
  };
  useShortcuts({ F4: toggle, Escape: open ? () => setOpen(false) : undefined });
  useEffect(() => setOpen(false), [state]);

  if (store.reach.value === "otherTab" && !store.leader.otherBusy.value) {
    return (
      <div class="controls">
        <button type="button" class="primary" onClick={() => store.leader.takeOver()}>
          {availability.otherTabGo}
        </button>
      </div>
    );
  }
  return (
    <div class="controls">
      {booked && <span class="booked">{t.booked}</span>}
      {mayPause ? (
        <button type="button" aria-haspopup="menu" aria-expanded={open} onClick={toggle}>
          {busy ? t.booked : t.pause} <kbd>F4</kbd>
        </button>
      ) : (
        <button type="button" class={booked ? "" : "go"} onClick={() => void store.ready()}>
          {booked ? t.unbook : t.ready} <kbd>F4</kbd>
        </button>
      )}
      {open && (
        <PauseMenu
          onChoose={(chosen) => {
            setOpen(false);
            if (chosen !== null) void store.pause(chosen);
          }}
        />
      )}
    </div>
  );
}

function PauseMenu({ onChoose }: { onChoose: (reason: string | null) => void }) {
  const t = words.value.pause;
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    menu.current?.querySelector("button")?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !menu.current?.parentElement?.contains(event.target)) {
        onChoose(null);
      }
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [onChoose]);
  useShortcuts(
    Object.fromEntries(REASONS.map((reason, i) => [String(i + 1), () => onChoose(reason)])),
  );
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const items = [...(menu.current?.querySelectorAll("button") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  return (
    <div ref={menu} class="menu" role="menu" tabIndex={-1} aria-label={t.menu} onKeyDown={move}>
      <p class="menu-title">{t.menu}</p>
      {REASONS.map((reason, i) => (
        <button key={reason} type="button" role="menuitem" onClick={() => onChoose(reason)}>
          {word(t.reasons, reason)} <kbd>{i + 1}</kbd>
        </button>
      ))}
    </div>
  );
}
