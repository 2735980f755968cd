// A line through measured points, drawn as SVG.

import { h } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [480, 180, 48, 24, 10];

/** The figure of a loss over steps: `points` are `[step, value]`. */
export function lossChart(title, points) {
  const steps = points.map(([step]) => step);
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(0, ...values), Math.max(...values) || 1];
  const [begin, end] = [Math.min(...steps), Math.max(...steps)];
  const x = (step) => LEFT + ((step - begin) / (end - begin || 1)) * (WIDTH - LEFT - 10);
  const y = (value) => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const last = points.at(-1);
  const axis = (value) => [
    h("line", { x1: LEFT, x2: WIDTH - 10, y1: y(value), y2: y(value), class: "grid" }),
    h("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value.toPrecision(2)),
  ];
  const drawn = h(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": `${title}: ${values[0].toPrecision(3)} at step ${steps[0]}, ${last[1].toPrecision(3)} at step ${last[0]}`,
    },
    [low, (low + high) / 2, high].map(axis),
    h("polyline", { points: points.map(([step, value]) => `${x(step)},${y(value)}`).join(" "), class: "curve" }),
    h("circle", { cx: x(last[0]), cy: y(last[1]), r: 3.5, class: "now" }),
    h("text", { x: LEFT, y: HEIGHT - 6 }, `step ${begin}`),
    h("text", { x: WIDTH - 10, y: HEIGHT - 6, "text-anchor": "end" }, String(end)),
  );
  return h("figure", {}, h("figcaption", {}, title, h("strong", {}, ` ${last[1].toPrecision(3)}`)), drawn);
}
