// The page's parts: which is shown, what the server is, the key and the theme.

import { adaptersSection, showAdapters } from "./adapters.js";
import { call, onKeyNeeded } from "./api.js";
import { askForKey, keyDialog } from "./ask.js";
import { compareSection } from "./compare.js";
import { describeSection } from "./describe.js";
import { byId, count } from "./dom.js";
import { guarded } from "./errors.js";
import { showGenerators } from "./generators.js";
import { showJobs } from "./jobs.js";
import { showTasks, tasksSection } from "./tasks.js";
import { themeButton } from "./theme.js";

const PARTS = {
  try: () => {},
  adapters: showAdapters,
  tasks: () => Promise.all([showTasks(), showJobs()]),
  generators: showGenerators,
};

function show({ focus }) {
  const name = location.hash.slice(1) in PARTS ? location.hash.slice(1) : "try";
  for (const part of Object.keys(PARTS)) byId(part).hidden = part !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(name).querySelector("h2").textContent} – attune`;
  if (focus) byId(name).querySelector("h2").focus();
  PARTS[name]();
}

async function tellServer() {
  const info = await guarded(byId("server-problem"), () => call("info"));
  if (!info) {
    byId("server").textContent = "the server did not say what it is";
    return;
  }
  const generator = info.generator ? `generator ${info.generator}` : "no generator";
  byId("server").textContent =
    `${info.base_model}, ${count(info.base_parameters)} parameters, ${info.weights} on ${info.device}, ${generator}`;
  byId("task-text").maxLength = info.limits.description_chars;
}

onKeyNeeded(askForKey);
themeButton();
keyDialog(() => {
  tellServer();
  show({ focus: false });
});
describeSection();
compareSection();
adaptersSection();
tasksSection();
addEventListener("hashchange", () => show({ focus: true }));
document.addEventListener("generator-changed", tellServer);
show({ focus: false });
tellServer();
