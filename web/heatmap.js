// How much an adapter changes each weight, as a table whose cells are shaded.

import { call, request } from "./api.js";
import { bytes, button, h } from "./dom.js";
import { guarded } from "./errors.js";
import { updateNorms } from "./safetensors.js";

/** A larger file is fetched only when somebody asks for it. */
const AT_ONCE = 16 * 2 ** 20;

/** The adapter's heat map, which fills itself. */
export function heatmap(adapter) {
  const place = h("div", { class: "heat" });
  const fill = () =>
    guarded(place, async () => {
      place.append(h("p", { class: "quiet" }, "Reading the weights …"));
      const [config, file] = await Promise.all([
        call(path(adapter.links.config)),
        request(path(adapter.links.weights)),
      ]);
      const norms = updateNorms(await file.arrayBuffer(), config);
      place.replaceChildren(
        norms.length ? table(norms) : h("p", { class: "quiet" }, "No layers with LoRA pairs were found."),
      );
    });
  if (adapter.bytes <= AT_ONCE) fill();
  else place.append(button(`Read the weights (${bytes(adapter.bytes)}) for the heat map`, fill));
  return place;
}

/** A link of the interface, relative to where the page is served. */
export const path = (link) => link.replace(/^\//, "");

function table(norms) {
  const layers = [...new Set(norms.map((one) => one.layer))].sort((a, b) => a - b);
  const modules = [...new Set(norms.map((one) => one.module))];
  const most = Math.max(...norms.map((one) => one.norm)) || 1;
  const at = new Map(norms.map((one) => [`${one.layer} ${one.module}`, one.norm]));
  const cell = (layer, module) => {
    const norm = at.get(`${layer} ${module}`);
    if (norm === undefined) return h("td", {}, "–");
    // Nine shades are classes, since the page allows no style in its markup.
    return h("td", { class: `shade-${Math.round((8 * norm) / most)}` }, norm.toPrecision(3));
  };
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Heat map of the weights" },
    h(
      "table",
      { class: "heatmap" },
      h("caption", {}, "Frobenius norm of s·B·A, what is added to each weight matrix (s = α/r)"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "layer"),
          modules.map((m) => h("th", { scope: "col" }, m.replace(/_proj$/, ""))),
        ),
      ),
      h(
        "tbody",
        {},
        layers.map((l) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(l)),
            modules.map((m) => cell(l, m)),
          ),
        ),
      ),
    ),
  );
}
