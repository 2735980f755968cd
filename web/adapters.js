// The list of adapters: searched, paged, used, deleted.

import { call } from "./api.js";
import { confirmed } from "./ask.js";
import { chosen } from "./chosen.js";
import { announce, badge, busy, button, byId, bytes, date, h, share } from "./dom.js";
import { guarded } from "./errors.js";
import { cell, pagedTable } from "./pages.js";

export function adaptersSection() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    showAdapters();
  });
}

export function showAdapters() {
  const query = byId("query").value.trim();
  return pagedTable(byId("adapter-list"), {
    path: "adapters",
    query: query ? { query } : {},
    caption: "List of adapters",
    columns: ["Task or name", "Kind", "Confidence", "Size", "Made", null],
    row,
    empty: query ? "Nothing has these words." : "There is no adapter yet. Describe a task under “Try”.",
  });
}

function row(adapter) {
  const line = h(
    "tr",
    {},
    cell(
      "Task or name",
      h("span", {}, adapter.name ?? adapter.task ?? "–"),
      h("br"),
      h("code", { class: "quiet" }, adapter.id.slice(0, 12)),
    ),
    cell("Kind", badge(adapter.kind), adapter.stale ? badge("stale", "bad") : null),
    cell(
      "Confidence",
      adapter.confidence
        ? badge(share(adapter.confidence.score), adapter.confidence.in_distribution ? "good" : "warn")
        : "–",
    ),
    cell("Size", `rank ${adapter.rank}, ${bytes(adapter.bytes)}`),
    cell("Made", date(adapter.created_at)),
    cell(
      "",
      h(
        "div",
        { class: "row" },
        button("Use", () => use(adapter)),
        button("Delete", (event) => remove(event.target), { class: "plain danger" }),
      ),
    ),
  );
  async function remove(control) {
    if (!(await confirmed(`Delete the adapter “${adapter.name ?? adapter.task ?? adapter.id}”?`, "Delete"))) return;
    await busy(control, () =>
      guarded(byId("adapter-problem"), async () => {
        await call(`adapters/${adapter.id}`, { method: "DELETE" });
        line.remove();
        if (chosen.get()?.id === adapter.id) chosen.set(null);
        announce("The adapter is deleted.");
        byId("query").focus();
      }),
    );
  }
  return line;
}

function use(adapter) {
  chosen.set(adapter);
  location.hash = "try";
}
