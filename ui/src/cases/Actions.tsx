/** What may be done to a case now: one button each, and a form for what needs saying. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { CaseFile, DeskView, Possible } from "../api/types";
import { label, word, words } from "../i18n";
import { sendsForm, useShortcuts } from "../lib/keys";
import { announce } from "../shell/notices";
import { useDraft } from "./drafts";
import { bodies, bodyName, unitName, units } from "./known";
import { Cancel } from "./Small";
import { Trouble } from "./Trouble";

/** Does what `body` asks of the case at `path`; gives why not, or null. */
export type Ask = (path: string, body: unknown, method?: "POST" | "PUT") => Promise<unknown>;

interface Props {
  file: CaseFile;
  desk: DeskView | null;
  /** Whether I may press the unit for an answer. */
  presses: boolean;
  ask: Ask;
}

/** What goes on comes first, what ends or gives away last. Merging has a place of its own. */
const ORDER = [
  "accept",
  "verify",
  "resume",
  "reply",
  "route",
  "follow_up",
  "result",
  "file",
  "answer",
  "assign",
  "remind",
  "wait",
  "need_info",
  "refer",
  "forward",
  "decline",
  "return",
  "recall",
  "reject",
  "reopen",
  "pursue",
  "abandon",
  "confirm",
  "object",
  "withdraw",
];
/** What is usually done next. */
const ONWARD: ReadonlySet<string> = new Set(ORDER.slice(0, 8));
/** What is done to a case that gathers others is done to each of them, if one wants. */
const TOGETHER: ReadonlySet<string> = new Set([
  "verify",
  "route",
  "accept",
  "wait",
  "resume",
  "follow_up",
]);
const REMIND: Possible = { event: "remind", needs: [], optional: [], reasons: null };

/** What only the reporter may do: whoever writes it down asks for their PIN. */
const ofReporter = (one: Possible): boolean => one.needs.includes("pin");

function ordered(can: readonly Possible[], status: string): Possible[] {
  // What is filed already need not be filed.
  const again = (one: Possible) => one.event === "file" && status === "new";
  const theirs = (one: Possible) => (ofReporter(one) ? ORDER.length + 1 : 0);
  const place = (one: Possible) =>
    theirs(one) + ((ORDER.indexOf(one.event) + ORDER.length + 1) % (ORDER.length + 1));
  return can
    .filter((one) => one.event !== "merge" && !again(one))
    .sort((a, b) => place(a) - place(b));
}

export function Actions({ file, desk, presses, ask }: Props) {
  const { desk: all, cases } = words.value;
  const t = all.act;
  const [open, setOpen] = useState<Possible | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [done, setDone] = useState("");
  const panel = useRef<HTMLElement>(null);
  const actions = ordered(presses ? [...file.can, REMIND] : file.can, file.status ?? "");

  const own = actions.filter((one) => !ofReporter(one)).length;

  // What was done is told in the status that the answer has brought.
  const [moved, setMoved] = useState(0);
  useLayoutEffect(() => {
    if (moved === 0) return;
    const text = t.done(word(cases.statuses, file.status ?? ""));
    setDone(text);
    announce(text);
    // The button that was pressed is gone; whoever writes elsewhere by now is left alone.
    if (document.activeElement === document.body) panel.current?.focus();
  }, [moved]);

  const together = (one: Possible) => file.gathers === true && TOGETHER.has(one.event);
  const send: Send = async (event, fields, pin, copy) => {
    setDone("");
    const why =
      event === "remind"
        ? await ask("remind", {})
        : await ask("moves", { event, version: file.version, fields, pin, copy });
    setTrouble(why);
    if (why !== null) return false;
    setOpen(null);
    setMoved((n) => n + 1);
    return true;
  };
  const choose = (one: Possible) => {
    setTrouble(null);
    const plain = one.needs.length + one.optional.length === 0;
    if (plain && !together(one)) void send(one.event, {});
    else setOpen(one);
  };
  const shortcuts = actions
    .slice(0, 9)
    .map((one, i) => [String(i + 1), () => choose(one)] as const);
  useShortcuts(open === null ? Object.fromEntries(shortcuts) : {});

  return (
    <section class="panel actions" ref={panel} tabIndex={-1} aria-label={t.title}>
      {open === null ? (
        <>
          <h2>{t.title}</h2>
          {actions.length === 0 && <p class="nothing">{t.nothing}</p>}
          <Buttons all={actions} from={0} to={own} choose={choose} />
          {own < actions.length && <h3>{t.reporters}</h3>}
          <Buttons all={actions} from={own} to={actions.length} choose={choose} />
          <p class="quiet-text">{file.unit && t.holder(unitName(file.unit))}</p>
          <Trouble error={trouble} />
          {trouble === null && (
            <p class="good-text" role="status">
              {done}
            </p>
          )}
        </>
      ) : (
        <Move
          key={open.event}
          file={file}
          desk={desk}
          move={file.can.find((one) => one.event === open.event) ?? open}
          possible={actions.some((one) => one.event === open.event)}
          together={together(open)}
          trouble={trouble}
          send={send}
          close={() => {
            setOpen(null);
            setTrouble(null);
            panel.current?.focus();
          }}
        />
      )}
    </section>
  );
}

interface ButtonsProps {
  all: readonly Possible[];
  from: number;
  to: number;
  choose: (one: Possible) => void;
}

/** Some of `all`, each with its place among them as its key. */
function Buttons({ all, from, to, choose }: ButtonsProps) {
  const t = words.value.desk.act;
  if (from === to) return null;
  return (
    <ul>
      {all.slice(from, to).map((one, i) => (
        <li key={one.event}>
          <button
            type="button"
            class={from + i === 0 && ONWARD.has(one.event) ? "primary" : ""}
            data-event={one.event}
            onClick={() => choose(one)}
          >
            <span>{word(t.events, one.event)}</span> {from + i < 9 && <kbd>{from + i + 1}</kbd>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Gives whether it was done. */
type Send = (
  event: string,
  fields: Record<string, string>,
  pin?: string,
  copy?: boolean,
) => Promise<boolean>;

interface MoveProps {
  file: CaseFile;
  desk: DeskView | null;
  move: Possible;
  /** It still is: others may have been quicker. */
  possible: boolean;
  /** It can be done to the cases joined under this one, too. */
  together: boolean;
  trouble: unknown;
  send: Send;
  close: () => void;
}

function Move({ file, desk, move, possible, together, trouble, send, close }: MoveProps) {
  const t = words.value.desk.act;
  const [typed, setTyped] = useDraft<Record<string, string>>(
    `${file.number}/act/${move.event}`,
    {},
  );
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    form.current?.querySelector<HTMLElement>("select, input, textarea, button")?.focus();
  }, []);
  const suggested = (name: string): string => {
    const route = file.route;
    if (!route || move.event !== (route.way === "refer" ? "refer" : "route")) return "";
    if (name === "unit" && route.way === "assign") return route.unit;
    if (name !== "target" || route.way !== "refer") return "";
    return bodies.value.find((body) => body.unit === route.unit)?.code ?? "";
  };
  const value = (name: string) => typed[name] ?? suggested(name);
  const edit = (name: string, text: string) => setTyped({ ...typed, [name]: text });
  const [pin, setPin] = useState("");
  const [copy, setCopy] = useState(true);
  const nothing = Object.values(typed).every((text) => text.trim() === "");
  const cancel = () => {
    setTyped(null);
    close();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const names = [...move.needs, ...move.optional].filter((name) => name !== "pin");
    const fields = Object.fromEntries(
      names.map((name) => [name, value(name).trim()]).filter(([, text]) => text !== ""),
    );
    const told = ofReporter(move) ? pin : undefined;
    setPin(""); // kept nowhere
    if (await send(move.event, fields, told, together && copy)) setTyped(null);
  };
  const field = (name: string, optional: boolean) => (
    <MoveField
      key={name}
      name={name}
      title={fieldTitle(move.event, name, optional)}
      optional={optional}
      value={name === "pin" ? pin : value(name)}
      edit={(text) => (name === "pin" ? setPin(text) : edit(name, text))}
      move={move}
      desk={desk}
    />
  );
  return (
    <form
      ref={form}
      class="move"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape" && nothing) cancel();
        else sendsForm(event);
      }}
    >
      <h2>{word(t.events, move.event)}</h2>
      {move.event in t.explain && <p class="explain">{word(t.explain, move.event)}</p>}
      {!possible && (
        <p class="problem" role="alert">
          {t.notAnyMore}
        </p>
      )}
      {move.event === "route" && file.route && (
        <p class="explain">
          {file.route.way === "triage" ? t.undecided : t.suggested(unitName(file.route.unit))}
        </p>
      )}
      {move.needs.map((name) => field(name, false))}
      {move.optional.map((name) => field(name, true))}
      {together && (
        <label class="check">
          <input
            type="checkbox"
            name="copy"
            checked={copy}
            onChange={(event) => setCopy(event.currentTarget.checked)}
          />
          {t.together}
        </label>
      )}
      <Trouble error={trouble} />
      <div class="pair">
        <button type="submit" class="primary" disabled={!possible}>
          {t.send} <kbd>Ctrl Enter</kbd>
        </button>
        <Cancel nothing={nothing} cancel={cancel} />
      </div>
    </form>
  );
}

function fieldTitle(event: string, name: string, optional: boolean): string {
  const t = words.value.desk.act;
  const title = event === "decline" && name === "unit" ? t.better : word(t.fields, name);
  return optional ? `${title} (${t.optional})` : title;
}

const PIN = { inputMode: "numeric", pattern: "[0-9]{4,8}", maxLength: 8 } as const;

interface MoveFieldProps {
  name: string;
  title: string;
  optional: boolean;
  value: string;
  edit: (text: string) => void;
  move: Possible;
  desk: DeskView | null;
}

function MoveField({ name, title, optional, value, edit, move, desk }: MoveFieldProps) {
  const t = words.value.desk.act;
  const id = `move-${name}`;
  const common = { id, name, value, required: !optional };
  const onInput = (event: Event) => edit((event.target as HTMLInputElement).value);
  const choices = useChoices(name, move, desk);
  return (
    <div class="field">
      <label for={id}>{title}</label>
      {choices !== null ? (
        <select {...common} onChange={onInput}>
          <option value="">{t.choose}</option>
          {choices.map(([group, options]) =>
            group === "" ? (
              options.map((one) => <Choice key={one[0]} one={one} />)
            ) : (
              <optgroup key={group} label={group}>
                {options.map((one) => (
                  <Choice key={one[0]} one={one} />
                ))}
              </optgroup>
            ),
          )}
        </select>
      ) : name === "public_note" || name === "instruction" ? (
        <textarea
          {...common}
          onInput={onInput}
          rows={4}
          maxLength={name === "public_note" ? 500 : 4_000}
        />
      ) : (
        <input
          {...common}
          onInput={onInput}
          autocomplete="off"
          {...(name === "pin" ? PIN : { maxLength: 80 })}
        />
      )}
      {name === "public_note" && <small class="hint">{t.publicHint}</small>}
    </div>
  );
}

type Option = [code: string, text: string];

const Choice = ({ one: [code, text] }: { one: Option }) => <option value={code}>{text}</option>;

/** What a field may be, in groups; null: it is typed. */
function useChoices(
  name: string,
  move: Possible,
  desk: DeskView | null,
): [group: string, options: Option[]][] | null {
  const { desk: all } = words.value;
  switch (name) {
    case "reason":
      return [
        [
          "",
          move.reasons === null
            ? Object.entries(all.act.reasons)
            : Object.entries(move.reasons).map(([code, text]): Option => [code, label(text)]),
        ],
      ];
    case "wait":
      return [["", Object.entries(all.waits)]];
    case "outcome":
      return [["", Object.entries(all.outcomes)]];
    case "officer":
      return [["", (desk?.officers ?? []).map((one): Option => [one.id, one.name])]];
    case "target":
      return [["", bodies.value.map((one): Option => [one.code, bodyName(one.code)])]];
    case "unit":
      return Object.entries(all.act.levels)
        .filter(([level]) => level !== "eksternal" || move.event === "decline")
        .map(([level, title]): [string, Option[]] => [
          title,
          units.value.units
            .filter((one) => one.level === level && one.code !== desk?.unit)
            .map((one): Option => [one.code, one.name]),
        ]);
    default:
      return null;
  }
}
