// A description, with demonstrations where there are any, becomes an adapter.

import { call } from "./api.js";
import { adapterCard } from "./card.js";
import { chosen } from "./chosen.js";
import { announce, busy, button, byId, h } from "./dom.js";
import { guarded } from "./errors.js";

export function describeSection() {
  const rows = byId("demonstrations");
  byId("add-demonstration").addEventListener("click", () => {
    const row = demonstration();
    rows.append(row);
    row.querySelector("input").focus();
  });
  byId("describe").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(byId("describe-submit"), () => guarded(byId("describe-problem"), create));
  });
  chosen.onChange(show);
}

function demonstration() {
  const row = h(
    "div",
    { class: "demonstration" },
    h("label", {}, "Input", h("input", { name: "input", autocomplete: "off" })),
    h("label", {}, "Output", h("input", { name: "output", autocomplete: "off" })),
    button(
      "×",
      () => {
        row.remove();
        byId("add-demonstration").focus();
      },
      { "aria-label": "Remove this demonstration", class: "plain" },
    ),
  );
  return row;
}

async function create() {
  const examples = [...document.querySelectorAll(".demonstration")]
    .map((row) => ({
      input: row.querySelector("[name=input]").value,
      output: row.querySelector("[name=output]").value,
    }))
    .filter(({ input, output }) => input || output);
  const json = { task: byId("task-text").value, on_unknown: byId("on-unknown").value };
  if (examples.length) json.examples = examples;
  const samples = Number(byId("samples").value);
  if (samples) json.samples = samples;
  const refine = byId("refine").value;
  if (refine !== "") json.refine = { steps: Number(refine) };
  announce("The adapter is being made.");
  const adapter = await call("adapters", { method: "POST", json });
  chosen.set(adapter);
  announce(adapter.cached ? "The adapter came from the cache." : "The adapter is made.");
}

function show(adapter) {
  byId("adapter").replaceChildren(
    adapter
      ? adapterCard(adapter)
      : h("p", { class: "empty" }, "No adapter yet. Describe a task, or choose one under “Adapters”."),
  );
}
