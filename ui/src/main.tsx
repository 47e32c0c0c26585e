import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/console.css";
import "./styles/phone.css";
import "./styles/tables.css";
import "./styles/desk.css";
import "./styles/narrow.css";

import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./App";
import { language } from "./i18n";
import { startRouter } from "./shell/router";
import { watchSession } from "./shell/session";

effect(() => {
  document.documentElement.lang = language.value;
});
watchSession();
startRouter();

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
