// An adapter, and how far to trust it.

import { download } from "./api.js";
import { badge, button, busy, bytes, count, date, facts, h, ms, share } from "./dom.js";
import { guarded } from "./errors.js";
import { heatmap, path } from "./heatmap.js";
import { taskMap } from "./map.js";

const APPLIED = {
  generated: "as generated",
  settled: "settled: some gradient steps were taken by itself",
  blended: "blended from the nearest training tasks' adapters",
};

/** The adapter's card. */
export function adapterCard(adapter) {
  const { confidence, timings_ms: times } = adapter;
  const problems = h("div", {});
  const save = (link, name) =>
    button(name, (event) => busy(event.target, () => guarded(problems, () => download(path(link), name))), {
      class: "plain",
    });
  return h(
    "article",
    { class: "card", "aria-label": `Adapter ${adapter.id}` },
    h("h3", {}, adapter.name ?? adapter.task ?? `A ${adapter.kind} adapter`),
    h("p", { class: "quiet" }, h("code", { class: "id" }, adapter.id)),
    confidence ? trust(confidence) : h("p", { class: "quiet" }, `No confidence: the adapter is ${adapter.kind}.`),
    facts([
      ["rank", String(adapter.rank)],
      ["α", String(adapter.alpha)],
      ["parameters", count(adapter.parameters)],
      ["file", bytes(adapter.bytes)],
      ["kind", adapter.kind],
      ["made", date(adapter.created_at)],
      ["generator", adapter.generator ? h("code", {}, adapter.generator) : null],
      ["state", adapter.stale ? badge("made for another base", "bad") : null],
    ]),
    times ? timings(times, adapter.cached) : null,
    confidence && adapter.generator ? taskMap(adapter.generator, adapter) : null,
    heatmap(adapter),
    h(
      "div",
      { class: "row" },
      h("span", {}, "For PEFT:"),
      save(adapter.links.config, "adapter_config.json"),
      save(adapter.links.weights, "adapter_model.safetensors"),
    ),
    problems,
  );
}

function trust(confidence) {
  const sure = confidence.in_distribution;
  return h(
    "section",
    { class: "trust" },
    h(
      "p",
      { class: "score" },
      h("strong", {}, share(confidence.score)),
      " confidence ",
      sure ? badge("in distribution", "good") : badge("out of distribution", "warn"),
    ),
    meter("confidence", confidence.score),
    facts([
      ["agreement when tried", typeof confidence.agreement === "number" ? share(confidence.agreement) : "not tried"],
      ["weights", APPLIED[confidence.applied] ?? confidence.applied],
    ]),
    sure
      ? null
      : h("p", { class: "remedy" }, "The generator doubts this one. A few demonstrations, or training the task, help."),
    confidence.nearest_tasks.length
      ? [h("h4", {}, "Nearest training tasks"), h("ul", { class: "nearest" }, confidence.nearest_tasks.map(nearest))]
      : null,
  );
}

const nearest = ({ name, similarity }) =>
  h("li", {}, h("span", {}, name), meter(name, similarity), h("span", {}, share(similarity)));

const meter = (name, value) =>
  h("meter", { min: "0", max: "1", value: Math.max(0, value), "aria-label": `${name}: ${share(value)}` });

function timings(times, cached) {
  const parts = ["encode", "generate", "confidence", "refine"]
    .filter((name) => times[name])
    .map((name) => `${name} ${ms(times[name])}`);
  return h(
    "p",
    { class: "quiet" },
    cached ? badge("from the cache") : null,
    ` ${ms(times.total)} in all`,
    parts.length ? `: ${parts.join(", ")}.` : ".",
  );
}
