// Jobs: the list, and one that is watched while it runs.

import { call, stream } from "./api.js";
import { lossChart } from "./chart.js";
import { chosen } from "./chosen.js";
import { announce, badge, busy, button, byId, date, h } from "./dom.js";
import { guarded, problemView } from "./errors.js";
import { cell, pagedTable } from "./pages.js";

const OVER = ["succeeded", "failed", "cancelled"];
const KIND = { succeeded: "good", failed: "bad", cancelled: "warn" };

/** Lines of the log that stay on the page. */
const LOG_LINES = 200;

let watched = null;

export function showJobs() {
  return pagedTable(byId("job-list"), {
    path: "jobs",
    caption: "List of jobs",
    columns: ["Job", "State", "Queued", null],
    row: (job) =>
      h(
        "tr",
        {},
        cell("Job", h("strong", {}, job.kind), h("br"), h("code", { class: "quiet" }, job.id.slice(0, 13))),
        cell("State", badge(job.state, KIND[job.state])),
        cell("Queued", date(job.created_at)),
        cell(
          "",
          button("Watch", () => watch(job)),
        ),
      ),
    empty: "No job was queued yet.",
  });
}

/** Follows a job's events until it ends or another is watched. */
export function watch(job) {
  watched?.abort();
  const stop = (watched = new AbortController());
  const view = jobView(job);
  byId("watched").replaceChildren(view.element);
  byId("watched").scrollIntoView({ block: "nearest" });
  follow(job, view, stop.signal);
}

async function follow(job, view, signal) {
  let last = null;
  while (!signal.aborted) {
    try {
      const headers = last ? { "last-event-id": last } : {};
      for await (const event of stream(`jobs/${job.id}/events`, { headers, signal })) {
        last = event.id ?? last;
        view.take(event);
      }
      const now = await call(`jobs/${job.id}`, { signal });
      if (OVER.includes(now.state)) {
        view.end(now);
        showJobs();
        return;
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      view.fail(error);
      // A refusal stays one; a server that restarts comes back.
      if (error.body?.status && error.body.status < 500) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

function jobView(job) {
  const state = h("span", {}, badge(job.state));
  const bar = h("progress", { max: "1", value: 0, "aria-label": "Progress of the phase" });
  const phase = h("p", { class: "quiet", role: "status" }, "waiting for its turn");
  const numbers = h("p", { class: "numbers" });
  const charts = h("div", { class: "charts" });
  const log = h("div", { class: "log", tabindex: "0", "aria-label": "Log", role: "log" });
  const problems = h("div");
  const cancel = button(
    "Cancel the job",
    () => busy(cancel, () => guarded(problems, () => call(`jobs/${job.id}/cancel`, { method: "POST" }))),
    { class: "danger" },
  );
  const element = h(
    "article",
    { class: "card", "aria-label": `Job ${job.id}` },
    h("h3", {}, `${job.kind} job `, state),
    h("p", { class: "quiet" }, h("code", {}, job.id)),
    bar,
    phase,
    numbers,
    charts,
    log,
    h("div", { class: "row" }, cancel),
    problems,
  );
  const series = new Map();
  let progress = { phase: "", step: 0, total: 0 };
  const write = (text) => {
    log.append(h("p", {}, text));
    while (log.children.length > LOG_LINES) log.firstChild.remove();
    log.scrollTop = log.scrollHeight;
  };
  const tellNumbers = (values) => {
    const parts = Object.entries(values)
      .filter(([, value]) => typeof value === "number")
      .map(([name, value]) => `${name.replaceAll("_", " ")} ${Number(value.toPrecision(4))}`);
    if (parts.length) numbers.textContent = parts.join(" · ");
  };
  const takers = {
    state(data) {
      state.replaceChildren(badge(data.state, KIND[data.state]));
      write(`${data.state}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}`);
    },
    progress(data) {
      progress = data;
      if (data.total) bar.value = data.step / data.total;
      else bar.removeAttribute("value");
      phase.textContent = `${data.phase}: step ${data.step}${data.total ? ` of ${data.total}` : ""}`;
    },
    metric(data) {
      tellNumbers(data);
      for (const [name, value] of Object.entries(data).filter(
        ([n, v]) => n.includes("loss") && typeof v === "number",
      )) {
        const title = `${name.replaceAll("_", " ")}, ${progress.phase}`;
        series.set(title, [...(series.get(title) ?? []), [progress.step, value]]);
      }
      charts.replaceChildren(...[...series].map(([title, points]) => lossChart(title, points)));
    },
    log: (data) => write(data.message),
  };
  return {
    element,
    take({ name, data }) {
      problems.replaceChildren();
      takers[name]?.(data);
    },
    fail: (error) => problems.replaceChildren(problemView(error)),
    end(now) {
      state.replaceChildren(badge(now.state, KIND[now.state]));
      cancel.hidden = true;
      if (now.state === "succeeded") bar.value = 1;
      announce(`The job has ${now.state}.`);
      problems.replaceChildren(outcome(now));
      // A generator that passed serves already.
      if (now.result?.generator) document.dispatchEvent(new CustomEvent("generator-changed"));
    },
  };
}

function outcome({ state, result, error }) {
  if (error) return problemView({ body: { title: `The job has ${state}`, detail: error } });
  if (!result) return h("p", {}, `The job was ${state}.`);
  return h(
    "div",
    { class: "row" },
    typeof result.adapter === "string"
      ? button("Try the adapter", (event) => tryAdapter(result.adapter, event.target))
      : null,
    result.generator ? h("a", { href: "#generators" }, "See the generators") : null,
    h(
      "details",
      { class: "grow" },
      h("summary", {}, "Result"),
      h("pre", { tabindex: "0" }, JSON.stringify(result, null, 2)),
    ),
  );
}

async function tryAdapter(id, control) {
  try {
    chosen.set(await call(`adapters/${id}`));
    location.hash = "try";
  } catch (error) {
    control.replaceWith(problemView(error));
  }
}
