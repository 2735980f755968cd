// The training tasks on a plane, by their task vectors, and a description among them.

import { call } from "./api.js";
import { count, h } from "./dom.js";
import { guarded } from "./errors.js";

const [WIDTH, HEIGHT, EDGE] = [640, 400, 14];
/** Names of this many found tasks are written out. */
const WRITTEN = 8;

/** A generator's map never changes: it is read once. */
const kept = new Map();
const mapOf = async (generator) => {
  if (!kept.has(generator)) kept.set(generator, await call(`generators/${generator}/map`));
  return kept.get(generator);
};

/** A map that is read when it is opened. With an adapter, its description and the nearest tasks are marked. */
export function taskMap(generator, adapter = null) {
  const place = h("div", { class: "map" });
  const fill = () =>
    guarded(place, async () => {
      place.replaceChildren(h("p", { class: "quiet" }, "Reading the tasks …"));
      const { tasks } = await mapOf(generator);
      place.replaceChildren(
        ...(tasks.length ? drawn(tasks, adapter) : [h("p", { class: "quiet" }, "The generator remembers no tasks.")]),
      );
    });
  const opened = ({ target }) => target.open && !place.hasChildNodes() && fill();
  return h("details", { class: "map-of-tasks", ontoggle: opened }, h("summary", {}, "Map of the training tasks"), place);
}

function drawn(tasks, adapter) {
  const here = adapter?.confidence?.position ?? null;
  const [x, y] = [0, 1].map((axis) => scale([...tasks.map((task) => task.position), ...(here ? [here] : [])], axis));
  const at = ([a, b]) => [EDGE + x(a) * (WIDTH - 2 * EDGE), EDGE + (1 - y(b)) * (HEIGHT - 2 * EDGE)];
  const dots = (some, kind) =>
    h("path", { class: kind, d: some.map((task) => `M${at(task.position).map((n) => n.toFixed(1)).join(" ")}h0`).join("") });

  const named = (adapter?.confidence?.nearest_tasks ?? []).map((near) => near.name);
  const nearest = tasks.filter((task) => named.includes(task.name));
  const found = h("g", {});
  const picture = h(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said(tasks, nearest, here) },
    dots(tasks.filter((task) => !task.taught), "task"),
    dots(tasks.filter((task) => task.taught), "taught"),
    dots(nearest, "near"),
    found,
    here ? cross(at(here)) : null,
  );
  const text = h("p", { class: "quiet pointed" }, "Point at a task to read it.");
  const mark = (some) => found.replaceChildren(dots(some, "found"));
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const point = [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
    const task = closest(tasks, at, point);
    mark([task]);
    text.replaceChildren(...words(task));
  });
  return [
    search(tasks, mark),
    picture,
    text,
    legend(tasks, nearest, here, adapter),
    h(
      "p",
      { class: "quiet" },
      "Each dot is a task's vector along the two directions in which the tasks differ most. What lies near here may still differ along the others: the similarities above count them all.",
    ),
  ];
}

/** From a coordinate to 0 … 1. */
function scale(positions, axis) {
  const values = positions.map((position) => position[axis]);
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return (value) => (value - low) / (high - low || 1);
}

function closest(tasks, at, [px, py]) {
  const far = (task) => {
    const [tx, ty] = at(task.position);
    return (tx - px) ** 2 + (ty - py) ** 2;
  };
  return tasks.reduce((best, task) => (far(task) < far(best) ? task : best));
}

const cross = ([cx, cy]) =>
  h(
    "g",
    { class: "here" },
    h("circle", { cx, cy, r: 9 }),
    h("line", { x1: cx - 15, x2: cx + 15, y1: cy, y2: cy }),
    h("line", { x1: cx, x2: cx, y1: cy - 15, y2: cy + 15 }),
  );

const words = (task) => [h("strong", {}, task.name), task.description ? `: ${task.description}` : ""];

const said = (tasks, nearest, here) =>
  `Map of ${count(tasks.length)} training tasks${here ? ", with this description" : ""}${
    nearest.length ? `, nearest to ${nearest.map((task) => task.name).join(", ")}` : ""
  }`;

/** Marks the tasks that have the words, and says which: the map without a pointer. */
function search(tasks, mark) {
  const results = h("div", { role: "status" });
  const look = ({ target }) => {
    const wanted = target.value.trim().toLowerCase();
    const found = wanted
      ? tasks.filter((task) => `${task.name} ${task.description ?? ""}`.toLowerCase().includes(wanted))
      : [];
    mark(found);
    results.replaceChildren(
      wanted ? h("p", { class: "quiet" }, found.length === 1 ? "1 task" : `${count(found.length)} tasks`) : "",
      found.length ? h("ul", { class: "quiet" }, found.slice(0, WRITTEN).map((task) => h("li", {}, words(task)))) : "",
    );
  };
  return h(
    "div",
    {},
    h("label", {}, "Find tasks on the map", h("input", { type: "search", autocomplete: "off", oninput: look })),
    results,
  );
}

function legend(tasks, nearest, here, adapter) {
  const entry = (kind, text) =>
    h(
      "li",
      {},
      h("svg", { viewBox: "0 0 16 16", class: "sign", "aria-hidden": "true" }, h("path", { class: kind, d: "M8 8h0" })),
      text,
    );
  const taught = tasks.filter((task) => task.taught).length;
  return h(
    "ul",
    { class: "legend" },
    entry("task", `${count(tasks.length - taught)} tasks of the first training`),
    taught ? entry("taught", `${count(taught)} taught later`) : null,
    nearest.length ? entry("near", "nearest to the description") : null,
    here ? entry("here", "the description (in the cross)") : null,
    adapter && !here ? h("li", {}, "The adapter was made before descriptions had a place on the map.") : null,
  );
}
