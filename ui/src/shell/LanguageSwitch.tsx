import { language, words } from "../i18n";
import { attempt } from "./notices";
import { chooseLanguage, otherLanguage } from "./session";

/** One button that names the other language in that language. */
export function LanguageSwitch() {
  const next = otherLanguage();
  return (
    <button
      type="button"
      class="quiet language"
      lang={next}
      aria-label={words.value.app.switchTo}
      title={words.value.app.switchTo}
      onClick={() => void attempt(() => chooseLanguage(next))}
    >
      <span aria-hidden="true" class={language.value === "id" ? "on" : ""}>
        ID
      </span>
      <span aria-hidden="true" class={language.value === "en" ? "on" : ""}>
        EN
      </span>
    </button>
  );
}
