// One input to the base alone and to the base with the adapter; both answers stream beside each other.

import { stream } from "./api.js";
import { chosen } from "./chosen.js";
import { announce, byId, h, ms } from "./dom.js";
import { problemView } from "./errors.js";

/** Earlier runs that stay on the page. */
const KEPT = 10;

let running = null;

export function compareSection() {
  byId("compare").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("stop").addEventListener("click", () => running?.abort());
  chosen.onChange(tell);
  tell(null);
}

function tell(adapter) {
  byId("compare-with").textContent = adapter
    ? `With: ${adapter.name ?? adapter.task ?? adapter.id}`
    : "No adapter is chosen: the base answers alone.";
}

async function run() {
  const input = byId("input").value;
  const common = {
    input,
    max_tokens: Number(byId("max-tokens").value),
    temperature: Number(byId("temperature").value),
    stream: true,
  };
  const adapter = chosen.get();
  const panes = [pane("Base alone")];
  const requests = [common];
  if (adapter) {
    panes.push(pane("With the adapter"));
    requests.push({ ...common, adapter: adapter.id, scale: Number(byId("scale").value) });
  }
  const article = h(
    "article",
    { class: "run" },
    h("h3", {}, "Input: ", h("q", {}, input)),
    h(
      "div",
      { class: "panes" },
      panes.map((one) => one.element),
    ),
  );
  const runs = byId("runs");
  runs.prepend(article);
  [...runs.children].slice(KEPT).forEach((old) => old.remove());
  running = new AbortController();
  toggle(true);
  await Promise.all(requests.map((json, at) => answer(json, panes[at], running.signal)));
  toggle(false);
  announce("The answers are complete.");
}

function toggle(on) {
  byId("stop").disabled = !on;
  byId("run").disabled = on;
  byId(on ? "stop" : "run").focus();
}

function pane(title) {
  // Read out once it is whole, not token by token.
  const text = h("p", { class: "answer", "aria-live": "polite", "aria-busy": "true" });
  const note = h("p", { class: "quiet" }, "waiting …");
  return { element: h("section", { class: "pane" }, h("h4", {}, title), text, note), text, note };
}

async function answer(json, { text, note }, signal) {
  const begun = performance.now();
  let first = null;
  try {
    for await (const { name, data } of stream("generate", { method: "POST", json, signal })) {
      if (name === "token") {
        first ??= performance.now() - begun;
        text.append(data.text);
        note.textContent = `first token here after ${ms(first)} …`;
      } else if (name === "done") {
        note.textContent = summary(data, first);
      }
    }
    if (text.textContent === "") text.append(h("span", { class: "quiet" }, "(an empty answer)"));
  } catch (error) {
    if (error.name === "AbortError") note.textContent = "stopped";
    else note.replaceChildren(problemView(error));
  }
  text.setAttribute("aria-busy", "false");
}

function summary({ timings_ms: times, usage, adapter, finish_reason: reason }, first) {
  const parts = [
    `${usage.completion_tokens} tokens`,
    `${ms(times.total)} on the server`,
    `prompt ${ms(times.prefill)}`,
    `writing ${ms(times.decode)}`,
  ];
  if (times.queue >= 1) parts.push(`waiting ${ms(times.queue)}`);
  if (times.adapter >= 1) parts.push(`adapter ${ms(times.adapter)}`);
  if (first !== null) parts.push(`first token here after ${ms(first)}`);
  if (adapter.applied !== "none") parts.push(adapter.applied);
  if (reason === "length") parts.push("cut at the most tokens");
  return parts.join(" · ");
}
