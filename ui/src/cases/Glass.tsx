/** Seeing in an emergency what is closed to one, for a reason that is kept and told. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { words } from "../i18n";
import { sendsForm } from "../lib/keys";
import type { Ask } from "./Actions";
import { Trouble } from "./Trouble";

/** Fewer characters say nothing. */
const LEAST = 15;

export function Glass({ ask }: { ask: Ask }) {
  const t = words.value.desk.glass;
  const { act } = words.value.desk;
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState<unknown>(null);
  if (!open) {
    return (
      <p class="glass">
        <button type="button" onClick={() => setOpen(true)}>
          {t.button}
        </button>
      </p>
    );
  }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const why = await ask("glass", { emergency: fields.get("emergency"), reason });
    setTrouble(why);
    if (why === null) setOpen(false);
  };
  return (
    <form class="panel glass" onSubmit={submit} onKeyDown={sendsForm}>
      <h2>{t.title}</h2>
      <p class="explain">{t.explain}</p>
      <label class="field">
        <span>{t.emergency}</span>
        <select name="emergency" required defaultValue="">
          <option value="">{act.choose}</option>
          {Object.entries(t.emergencies).map(([code, text]) => (
            <option key={code} value={code}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{t.reason}</span>
        <textarea
          name="reason"
          rows={3}
          required
          minLength={LEAST}
          maxLength={4_000}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      {trouble instanceof ApiError && trouble.status === 404 ? (
        <p class="problem" role="alert">
          {t.refused}
        </p>
      ) : (
        <Trouble error={trouble} />
      )}
      <div class="pair">
        <button type="submit" class="stop">
          {t.open}
        </button>
        <button type="button" onClick={() => setOpen(false)}>
          {act.cancel}
        </button>
      </div>
    </form>
  );
}
