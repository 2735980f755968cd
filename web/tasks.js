// Tasks of one's own: described, given examples, queued for training.

import { call } from "./api.js";
import { confirmed } from "./ask.js";
import { announce, busy, button, byId, h } from "./dom.js";
import { guarded, problemView } from "./errors.js";
import { showJobs, watch } from "./jobs.js";
import { cell, pagedTable } from "./pages.js";

export function tasksSection() {
  byId("task").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(byId("task-save"), () => guarded(byId("task-problem"), save));
  });
  byId("examples-file").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (file) byId("examples").value = await file.text();
  });
}

export function showTasks() {
  return pagedTable(byId("task-list"), {
    path: "tasks",
    caption: "List of tasks",
    columns: ["Task", "Examples", null],
    row,
    empty: "There is no task yet. Add one above.",
  });
}

async function save() {
  const name = byId("task-name").value.trim();
  const descriptions = lines(byId("descriptions").value);
  const examples = lines(byId("examples").value);
  const wrong = examples.map(fault).find(Boolean);
  if (wrong) throw Object.assign(new Error(), { body: { title: "The examples cannot be read", detail: wrong } });
  const path = `tasks/${encodeURIComponent(name)}`;
  if (
    (await exists(path)) &&
    !(await confirmed(`There is a task “${name}” already. Replace its descriptions and examples?`, "Replace"))
  )
    return;
  await call(path, { method: "PUT", json: { descriptions } });
  const task = await call(`${path}/examples`, {
    method: "PUT",
    text: `${examples.join("\n")}\n`,
    headers: { "content-type": "application/x-ndjson" },
  });
  announce(`The task ${name} is saved with ${task.example_count} examples.`);
  byId("task-problem").replaceChildren(
    h("p", { class: "done" }, `Saved “${name}” with ${task.example_count} examples. Train it below.`),
  );
  await showTasks();
}

const lines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

async function exists(path) {
  try {
    return Boolean(await call(path));
  } catch (error) {
    if (error.code === "not_found") return false;
    throw error;
  }
}

/** What is wrong with a line, told by its number; the server looks again and closer. */
function fault(line, at) {
  try {
    const { input, output, text } = JSON.parse(line);
    if (typeof text === "string" || (typeof input === "string" && output !== undefined)) return null;
    return `Line ${at + 1} has neither “input” and “output” nor “text”.`;
  } catch (error) {
    return `Line ${at + 1} is no JSON: ${error.message}.`;
  }
}

function row(task) {
  const problems = h("div");
  const steps = h("input", {
    type: "number",
    min: "1",
    max: "100000",
    placeholder: "default",
    "aria-label": `Steps for ${task.name}`,
  });
  const options = () => (steps.value ? { steps: Number(steps.value) } : {});
  const train = (json) => (event) =>
    busy(event.target, () => guarded(problems, () => queue({ ...json, ...options() })));
  const line = h(
    "tr",
    {},
    cell("Task", h("strong", {}, task.name), h("br"), h("span", { class: "quiet" }, task.descriptions[0] ?? "")),
    cell("Examples", `${task.example_count}, ${task.test_count ? `${task.test_count} of them` : "none"} marked “test”`),
    cell(
      "",
      h(
        "div",
        { class: "row" },
        h("label", { class: "inline" }, "Steps", steps),
        button("Train adapter", train({ kind: "adapter", task: task.name })),
        button("Fold into generator", train({ kind: "generator", tasks: [task.name] })),
        button("Delete", remove, { class: "plain danger" }),
      ),
      problems,
    ),
  );
  async function remove() {
    if (!(await confirmed(`Delete the task “${task.name}” and its examples?`, "Delete"))) return;
    try {
      await call(`tasks/${encodeURIComponent(task.name)}`, { method: "DELETE" });
      line.remove();
      announce("The task is deleted.");
    } catch (error) {
      problems.replaceChildren(problemView(error));
    }
  }
  return line;
}

async function queue(json) {
  const job = await call("jobs/train", { method: "POST", json, headers: { "idempotency-key": crypto.randomUUID() } });
  announce("The job is queued.");
  watch(job);
  await showJobs();
}
