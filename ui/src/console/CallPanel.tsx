/** The left of the console: nothing, an offer, the talk, or the wrap-up; always the same size. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Call, ConsoleView, Offer, WrapUp } from "../api/types";
import { count, label, moment, word, words } from "../i18n";
import { now, serverNow } from "../lib/clock";
import { duration, phone } from "../lib/format";
import { useShortcuts } from "../lib/keys";
import { type ConsoleStore, languageName } from "./store";

interface Props {
  store: ConsoleStore;
  view: ConsoleView;
}

export function CallPanel({ store, view }: Props) {
  const t = words.value.console;
  const { offer, call, wrap_up } = view;
  return (
    <section class="panel call-panel" id="call-panel" tabIndex={-1} aria-label={t.callPanel}>
      <div class="call-body">
        {call ? (
          <Talk store={store} view={view} call={call} />
        ) : offer ? (
          <Offered store={store} view={view} offer={offer} />
        ) : wrap_up ? (
          <Wrapping store={store} view={view} wrapUp={wrap_up} />
        ) : (
          <Idle store={store} view={view} />
        )}
      </div>
      <p class="today">
        <span>{t.today}</span>
        <span>
          <b>{view.today.answered}</b> {t.answered}
        </span>
        <span>
          <b>{view.today.missed}</b> {t.missed}
        </span>
      </p>
    </section>
  );
}

function Idle({ store, view }: Props) {
  const { console: t, pause } = words.value;
  const { state, reason, topics } = view.agent;
  const ready = state === "ready";
  const unreached = ready && store.reach.value !== "yes";
  const forced = reason === "missed" || reason === "unreachable" ? pause[reason] : null;
  return (
    <div class="rest">
      <h2>{unreached ? t.unreached : ready ? t.idle : t.off}</h2>
      <p>{unreached ? t.unreachedText : ready ? t.idleText : (forced ?? t.offText)}</p>
      <h3>{t.topics}</h3>
      {topics.length === 0 ? (
        <p>{t.noTopics}</p>
      ) : (
        <ul class="chips">
          {topics.map((topic) => (
            <li key={topic.code}>{label(topic.label)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

function Offered({ store, view, offer }: Props & { offer: Offer }) {
  const t = words.value.offer;
  const answering = store.accepting.value === offer.id;
  const { kind } = view.agent.device;
  const answersHere = store.answersHere(offer.line);
  const answer = () => void store.accept();
  useShortcuts(
    answersHere
      ? { F2: answer, Enter: answer, F9: () => void store.decline() }
      : { F9: () => void store.decline() },
  );
  return (
    <div class="offer">
      <div class="offer-head">
        <div>
          <p class="eyebrow">{offer.callback ? t.callback : t.incoming}</p>
          <h2>{label(offer.topic.label)}</h2>
        </div>
        <Countdown offer={offer} />
      </div>
      <Facts>
        <dt>{t.speaks}</dt>
        <dd>{languageName(offer.language)}</dd>
        <dt>{offer.callback ? t.since : t.waited}</dt>
        <dd>
          {offer.callback
            ? moment(offer.offered_at - offer.waited_ms, now.value)
            : duration(offer.waited_ms + now.value - offer.offered_at)}
        </dd>
        {offer.callback && (
          <>
            <dt>{t.attempt}</dt>
            <dd>{t.nth(count(offer.tries + 1))}</dd>
          </>
        )}
        <dt>{t.caller}</dt>
        <dd>{offer.caller === null ? t.withheld : phone(offer.caller)}</dd>
      </Facts>
      <div class="actions">
        {answersHere ? (
          <button type="button" class="go big" disabled={answering} onClick={answer}>
            {offer.callback ? (answering ? t.calling : t.call) : answering ? t.answering : t.answer}{" "}
            <kbd>F2</kbd>
          </button>
        ) : (
          <p class="hint-big">{kind === "phone" ? t.phoneHint : t.sipHint}</p>
        )}
        <button type="button" disabled={answering} onClick={() => void store.decline()}>
          {t.decline} <kbd>F9</kbd>
        </button>
      </div>
      <p class="hint">
        {store.ring.silenced.value && answersHere ? t.soundOff : offer.callback ? t.callNote : ""}
      </p>
    </div>
  );
}

/** The ring empties by itself (one animation, begun where the time stands); the number counts. */
function Countdown({ offer }: { offer: Offer }) {
  const t = words.value.offer;
  if (offer.expires_at === null) {
    return (
      <div class="countdown" title={t.ringing}>
        <svg viewBox="0 0 64 64" aria-hidden="true">
          <circle class="track" cx="32" cy="32" r="28" />
        </svg>
        <span class="small">…</span>
      </div>
    );
  }
  const begun = offer.rang_at ?? offer.offered_at;
  const whole = Math.max(1, offer.expires_at - begun);
  const left = Math.max(0, Math.ceil((offer.expires_at - now.value) / 1000));
  const style = {
    animationDuration: `${whole}ms`,
    animationDelay: `${begun - serverNow()}ms`,
  };
  return (
    <div class="countdown" role="timer" aria-label={`${left} ${t.left}`}>
      <svg viewBox="0 0 64 64" aria-hidden="true">
        <circle class="track" cx="32" cy="32" r="28" />
        <circle
          key={offer.expires_at}
          class="left"
          cx="32"
          cy="32"
          r="28"
          pathLength="100"
          style={style}
        />
      </svg>
      <span>
        {left}
        <small>{t.left}</small>
      </span>
    </div>
  );
}

/** What the caller chose comes as `what: code`; the codes we know are told in words. */
function chosen(text: string, view: ConsoleView): string {
  const { call: t, language } = words.value;
  const match = /^(language|topic): (.+)$/.exec(text);
  if (match === null) return text;
  const [, what = "", code = ""] = match;
  if (what === "language") return `${t.language}: ${word(language, code)}`;
  const topic = [view.call?.topic, ...view.agent.topics].find((each) => each?.code === code);
  return `${t.topic}: ${topic ? label(topic.label) : code}`;
}

function Talk({ store, view, call }: Props & { call: Call }) {
  const { call: t, offer: o } = words.value;
  const phoneState = store.phone.state.value;
  const ownPhone = store.ringsHere(call.line);
  const up = phoneState.session === "up";
  const warning = talkWarning(store, call);
  useShortcuts({
    F7: ownPhone && up ? () => store.toggleMute() : undefined,
    F8: store.canHold(call.line) && up ? () => store.toggleHold() : undefined,
    F9: () => void store.hangUp(),
  });
  return (
    <div class="talk">
      <p class={`eyebrow talk-state ${phoneState.held ? "held" : call.state}`}>
        {phoneState.held ? t.onHold : t[call.state]}
      </p>
      <p class="timer" role="timer">
        {call.answered_at === null ? "–:––" : duration(now.value - call.answered_at)}
      </p>
      <h2 class="caller">{call.caller === null ? o.withheld : phone(call.caller)}</h2>
      <p class="talk-topic">{call.topic ? label(call.topic.label) : "–"}</p>
      <p class="chose-title">{t.chose}</p>
      <ul class="chips">
        {call.chose.map((text) => (
          <li key={text}>{chosen(text, view)}</li>
        ))}
      </ul>
      <Bodies store={store} call={call} />
      <p class={warning === t.diallingNote ? "talk-warning calm" : "talk-warning"} role="alert">
        {warning}
      </p>
      <div class="actions">
        {ownPhone && (
          <div class="pair">
            <button
              type="button"
              aria-pressed={phoneState.muted}
              disabled={!up}
              onClick={() => store.toggleMute()}
            >
              {phoneState.muted ? t.unmute : t.mute} <kbd>F7</kbd>
            </button>
            {store.canHold(call.line) && (
              <button
                type="button"
                aria-pressed={phoneState.held}
                disabled={!up}
                onClick={() => store.toggleHold()}
              >
                {phoneState.held ? t.unhold : t.hold} <kbd>F8</kbd>
              </button>
            )}
          </div>
        )}
        <button type="button" class="stop" onClick={() => void store.hangUp()}>
          {call.joined?.state === "talking" ? t.passOn(call.joined.code) : t.hangUp} <kbd>F9</kbd>
        </button>
      </div>
    </div>
  );
}

/** Who else may help: to be named to the caller, or brought into the talk. */
function Bodies({ store, call }: { store: ConsoleStore; call: Call }) {
  const t = words.value.call;
  const { joined } = call;
  const known = call.bodies.some((body) => body.code === joined?.code);
  const gone = joined && !known ? [{ ...joined, numbers: [], hours: ALL_DAY, call: null }] : [];
  const shown = [...call.bodies, ...gone];
  if (shown.length === 0) return null;
  return (
    <>
      <p class="chose-title">{t.bodies}</p>
      <ul class="bodies">
        {shown.map((body) => (
          <li key={body.code}>
            <span>
              {label(body.label)}{" "}
              <b class="digits">
                {body.numbers.map((number, i) => (
                  <span key={number} class="whole">
                    {i + 1 < body.numbers.length ? `${number} ·` : number}
                  </span>
                ))}
              </b>
              {body.hours !== ALL_DAY && (
                <span class="quiet-text"> {body.hours.replace("-", "–")}</span>
              )}
            </span>
            {joined?.code === body.code ? (
              <span class="joined" role="status">
                {joined.state === "talking" ? t.joined : t.joining}{" "}
                <span class="digits">{duration(now.value - joined.since)}</span>{" "}
                <button type="button" class="small" onClick={() => void store.letGo()}>
                  {joined.state === "talking" ? t.letGo : t.stopJoining}
                </button>
              </span>
            ) : (
              body.call !== null && (
                <button
                  type="button"
                  class="small"
                  disabled={joined !== null || call.state !== "talking"}
                  title={t.bringInNote(body.call)}
                  onClick={() => void store.bringIn(body.code)}
                >
                  {t.bringIn}
                </button>
              )
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function talkWarning(store: ConsoleStore, call: Call): string {
  const t = words.value.call;
  const state = store.phone.state.value;
  if (state.problem === "microphone") return t.noMicrophone;
  if (state.problem === "sound") return t.noSound;
  if (call.state === "held") return t.heldLost;
  if (call.state === "dialling") return t.diallingNote;
  return state.muted ? t.muted : "";
}

/** The hours of whoever is always there. */
const ALL_DAY = "00:00-24:00";

/** With this little time left, what is typed is saved whether the typing rests or not. */
const SAVE_BEFORE_MS = 4_000;

function Wrapping({ store, view, wrapUp }: Props & { wrapUp: WrapUp }) {
  const t = words.value.wrapUp;
  const left = wrapUp.until - now.value;
  const closing = left < SAVE_BEFORE_MS;
  useEffect(() => {
    if (closing) void store.writing.value?.save.flush();
  }, [closing, store]);
  useShortcuts(
    Object.fromEntries(
      view.outcomes
        .slice(0, 9)
        .map((outcome, i) => [String(i + 1), () => void store.finish(outcome.code)]),
    ),
  );
  return (
    <div class="wrapping">
      <p class="eyebrow">{t.title}</p>
      <p class={left < 15_000 ? "timer late" : "timer"} role="timer">
        {duration(Math.max(0, left) + 999)}
      </p>
      <p class="quiet-text">
        {t.left}. {view.agent.reason === null ? t.after : t.afterPause}
      </p>
      <fieldset class="outcomes">
        <legend>
          {t.question} <span class="hint">{t.keys}</span>
        </legend>
        {view.outcomes.map((outcome, i) => (
          <button key={outcome.code} type="button" onClick={() => void store.finish(outcome.code)}>
            {label(outcome.label)} {i < 9 && <kbd>{i + 1}</kbd>}
          </button>
        ))}
      </fieldset>
    </div>
  );
}
