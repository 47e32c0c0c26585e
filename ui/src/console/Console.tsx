/** The agent's page. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../api/http";
import type { ConsoleView, Topic } from "../api/types";
import { explain, label, words } from "../i18n";
import { useShortcuts } from "../lib/keys";
import { tellError } from "../shell/notices";
import { me } from "../shell/session";
import { CallPanel } from "./CallPanel";
import { CasePanel } from "./CasePanel";
import { StateBar } from "./StateBar";
import { ConsoleStore } from "./store";

const REGIONS = ["call-panel", "case-panel"] as const;

export function Console() {
  const account = me.value?.account.id ?? "";
  const store = useMemo(() => new ConsoleStore(account), [account]);
  useEffect(() => {
    store.start();
    return () => store.stop();
  }, [store]);
  const topics = useTopics();
  const view = store.live.document.value;
  useTitle(view);
  useShortcuts({ F6: nextRegion });
  if (view === null) {
    const problem = store.live.problem.value;
    return (
      <p class="nothing page" role="status">
        {problem ? explain(problem) : words.value.availability.connecting}
      </p>
    );
  }
  return (
    <div class="console">
      <h1 class="unseen">{words.value.console.title}</h1>
      <StateBar store={store} view={view} />
      <div class="console-grid">
        <CallPanel store={store} view={view} />
        <CasePanel store={store} topics={topics.length > 0 ? topics : view.agent.topics} />
      </div>
      <Shortcuts ownPhone={view.agent.device.kind === "browser"} />
    </div>
  );
}

function useTopics(): Topic[] {
  const [topics, setTopics] = useState<Topic[]>([]);
  useEffect(() => {
    get<Topic[]>("/api/topics").then(setTopics, tellError);
  }, []);
  return topics;
}

/** The tab's title tells what happens, for the agent who looks at another tab. */
function useTitle(view: ConsoleView | null): void {
  const { console: t, offer, states } = words.value;
  const title = view?.offer
    ? `☎ ${offer.incoming}: ${label(view.offer.topic.label)}`
    : `${view ? states[view.agent.state] : t.title} – ${t.title}`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** Between the call (its first button) and the form (where one writes). */
function nextRegion(): void {
  const inside = REGIONS.findIndex((id) =>
    document.getElementById(id)?.contains(document.activeElement),
  );
  const next = document.getElementById(REGIONS[(inside + 1) % REGIONS.length] ?? "");
  const wanted = next?.querySelector<HTMLElement>("textarea, button:not(:disabled)");
  (wanted ?? next)?.focus();
}

function Shortcuts({ ownPhone }: { ownPhone: boolean }) {
  const { console: t } = words.value;
  const keys = [
    ["F2", t.keys.answer],
    ["F9", t.keys.end],
    ["F4", t.keys.pause],
    ...(ownPhone
      ? [
          ["F7", t.keys.mute],
          ["F8", t.keys.hold],
        ]
      : []),
    ["F6", t.keys.region],
  ];
  return (
    <footer class="shortcuts">
      <b>{t.shortcuts}</b>
      {keys.map(([key, what]) => (
        <span key={key}>
          <kbd>{key}</kbd> {what}
        </span>
      ))}
    </footer>
  );
}
