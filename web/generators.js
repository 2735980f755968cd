// Versions of the generator: measured, compared, promoted, rolled back.

import { call } from "./api.js";
import { confirmed } from "./ask.js";
import { announce, badge, button, byId, bytes, date, h } from "./dom.js";
import { guarded } from "./errors.js";
import { taskMap } from "./map.js";

export async function showGenerators() {
  const place = byId("generator-list");
  const versions = await guarded(byId("generator-problem"), all);
  if (!versions) return;
  byId("comparison").replaceChildren();
  if (!versions.length)
    return place.replaceChildren(h("p", { class: "empty" }, "The base has no generator. Train one under “Tasks”."));
  const active = versions.find((one) => one.active);
  place.replaceChildren(...versions.map((one) => card(one, active, () => compare(versions))));
}

/** Every version; there are few. */
async function all() {
  const versions = [];
  let cursor = null;
  do {
    const page = await call(`generators?${new URLSearchParams({ limit: "100", ...(cursor ? { cursor } : {}) })}`);
    versions.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  return versions;
}

function card(version, active, changed) {
  const older = active && version.created_at < active.created_at;
  const deed = older ? "Roll back to it" : "Promote";
  return h(
    "article",
    { class: "card", "aria-label": `Generator ${version.id}` },
    h(
      "h3",
      {},
      h("code", {}, version.id),
      " ",
      version.active ? badge("active", "good") : null,
      version.stale ? badge("made for another base", "bad") : null,
    ),
    h(
      "p",
      { class: "quiet" },
      `${version.arch}, ${bytes(version.bytes)}, made `,
      date(version.created_at),
      version.parent ? [", grown from ", h("code", {}, version.parent)] : null,
    ),
    measures(version.evaluation),
    taskMap(version.id),
    h(
      "div",
      { class: "row" },
      h(
        "label",
        { class: "inline" },
        h("input", { type: "checkbox", value: version.id, onchange: changed }),
        "Compare",
      ),
      version.active ? null : button(deed, (event) => activate(version, deed, event.target)),
    ),
  );
}

async function activate(version, deed, control) {
  if (
    !(await confirmed(
      `${deed}: ${version.id}? New descriptions are then answered by this version; adapters that were made stay.`,
      deed,
    ))
  )
    return;
  control.disabled = true;
  const done = await guarded(byId("generator-problem"), () =>
    call(`generators/${version.id}/activate`, { method: "POST" }),
  );
  control.disabled = false;
  if (!done) return;
  announce(`The generator ${version.id} is active.`);
  document.dispatchEvent(new CustomEvent("generator-changed"));
  await showGenerators();
}

const NAMES = {
  generated: "exact match",
  tasks: "tasks measured",
  passed: "passed the gate",
  compared: "tasks compared with the version before",
  "not_learned · count": "tasks not learned at all",
  "not_learned · names": "these",
  "remembered · tasks": "tasks tried against the described base",
  "remembered · agreement": "on these, agreement",
  "remembered · before": "on these, the version before",
  "kept · tasks": "tasks not trained now",
  "kept · generated": "on these, exact match",
  "kept · before": "on these, the version before",
};

/** An evaluation's numbers under their names, groups flattened. */
function flat(evaluation, before = "") {
  return Object.entries(evaluation ?? {}).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? flat(value, `${before}${name} · `)
      : [[NAMES[before + name] ?? `${before}${name}`.replaceAll("_", " "), value]],
  );
}

const shown = (value) =>
  typeof value === "number"
    ? String(Number(value.toFixed(3)))
    : value === true
      ? "yes"
      : value === false
        ? "no"
        : Array.isArray(value)
          ? value.join(", ")
          : String(value ?? "–");

function measures(evaluation) {
  const pairs = flat(evaluation);
  if (!pairs.length) return h("p", { class: "quiet" }, "No evaluation is kept with this version.");
  return h(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, shown(value)))),
  );
}

function compare(versions) {
  const picked = [...document.querySelectorAll("#generator-list input:checked")].map((box) =>
    versions.find((one) => one.id === box.value),
  );
  const place = byId("comparison");
  if (picked.length < 2)
    return place.replaceChildren(picked.length ? h("p", { class: "quiet" }, "Choose a second one to compare.") : "");
  const tables = picked.map(
    (one) =>
      new Map([
        ["made", new Date(one.created_at).toLocaleString()],
        ["architecture", one.arch],
        ["file", bytes(one.bytes)],
        ...flat(one.evaluation),
      ]),
  );
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  place.replaceChildren(
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison" },
      h(
        "table",
        {},
        h("caption", {}, "Generators beside each other"),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "measured"),
            picked.map((one) => h("th", { scope: "col" }, one.id.slice(0, 12), one.active ? " (active)" : "")),
          ),
        ),
        h(
          "tbody",
          {},
          names.map((name) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, name),
              tables.map((table) => h("td", {}, shown(table.get(name)))),
            ),
          ),
        ),
      ),
    ),
  );
}
