/** Papers and pictures beside a case. Each reading is put on record, so none is shown by itself. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/http";
import type { CaseAttachment, CaseFile } from "../api/types";
import { dayAndTime, explain, fileSize, words } from "../i18n";
import type { Ask } from "./Actions";

const MOST_BYTES = 5 * 1024 * 1024;
const KINDS = ".pdf,.jpg,.jpeg,.png,.webp";

export function Attachments({
  file,
  ask,
  changes,
}: {
  file: CaseFile;
  ask: Ask;
  changes: boolean;
}) {
  const t = words.value.desk.attachments;
  const [problem, setProblem] = useState("");
  const [under, setUnder] = useState("");
  const kept = file.attachments ?? [];
  if (kept.length === 0 && !changes) return null;
  /** One after the other: each answer is the case as it is then. */
  const add = async (input: HTMLInputElement) => {
    setProblem("");
    for (const each of [...(input.files ?? [])]) {
      setUnder(each.name);
      const error = each.size > MOST_BYTES ? t.tooLarge : whyNot(await ask("attachments", each));
      if (error !== "") {
        setProblem(`${each.name}: ${error}`);
        break;
      }
    }
    setUnder("");
    input.value = "";
  };
  return (
    <section class="panel attachments">
      <h2>{t.title}</h2>
      <ul class="events narrow">
        {kept.map((one) => (
          <Kept key={one.id} file={file} one={one} ask={changes ? ask : null} />
        ))}
      </ul>
      {changes && (
        <label>
          <span>{t.add}</span>
          <input
            type="file"
            multiple
            accept={KINDS}
            disabled={under !== ""}
            onChange={(event) => void add(event.currentTarget)}
          />
          <span class="hint">{under === "" ? t.hint : t.sending(under)}</span>
        </label>
      )}
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}

function Kept({ file, one, ask }: { file: CaseFile; one: CaseAttachment; ask: Ask | null }) {
  const t = words.value.desk.attachments;
  const [sure, setSure] = useState(false);
  return (
    <li>
      <time>{dayAndTime(one.at)}</time>
      <div>
        <a href={`/api/cases/${file.number}/attachments/${one.id}`} download={one.name}>
          {one.name}
        </a>{" "}
        <span class="quiet-text">
          {fileSize(one.size)} · {one.by}
        </span>
        {ask !== null &&
          (sure ? (
            <span class="sure">
              <span>{t.sure}</span>
              <button type="button" onClick={() => void ask(`attachments/${one.id}/remove`, {})}>
                {t.remove}
              </button>
              <button type="button" class="quiet" onClick={() => setSure(false)}>
                {t.keep}
              </button>
            </span>
          ) : (
            <button type="button" class="quiet" onClick={() => setSure(true)}>
              {t.remove} …
            </button>
          ))}
      </div>
    </li>
  );
}

function whyNot(error: unknown): string {
  const t = words.value.desk.attachments;
  if (error === null) return "";
  if (!(error instanceof ApiError)) return explain(error);
  if (error.status === 413) return t.tooLarge;
  if (error.fields.content === "too_many") return t.tooMany;
  return error.fields.content === undefined ? explain(error) : t.otherKind;
}
