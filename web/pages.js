// A list that the server gives in pages: a table, and a button for what follows.

import { call } from "./api.js";
import { button, busy, h } from "./dom.js";
import { guarded } from "./errors.js";

const LIMIT = "20";

/**
 * Fills `place` with the first page of `path`; `row` makes a table row of each thing.
 * `columns` are the headings (null over buttons), `empty` what stands there when there is nothing.
 */
export async function pagedTable(place, { path, query = {}, caption, columns, row, empty }) {
  const body = h("tbody");
  const problems = h("div");
  const more = button("Show more", () => busy(more, load), { hidden: true });
  const table = h(
    "table",
    {},
    h("caption", { class: "hidden" }, caption),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((name) => h("th", { scope: "col" }, name ?? h("span", { class: "hidden" }, "Actions"))),
      ),
    ),
    body,
  );
  let cursor = null;
  async function load() {
    const page = await guarded(problems, () =>
      call(`${path}?${new URLSearchParams({ limit: LIMIT, ...query, ...(cursor ? { cursor } : {}) })}`),
    );
    if (!page) return;
    body.append(...page.data.map(row));
    cursor = page.next_cursor;
    more.hidden = !cursor;
    if (!body.children.length) table.replaceWith(h("p", { class: "empty" }, empty));
  }
  await load();
  place.replaceChildren(
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table),
    problems,
    more,
  );
}

/** A cell under its heading, which phones show beside it. */
export const cell = (heading, ...children) => h("td", { "data-heading": heading }, children);
