// A problem as a person would want it: what happened, what to do, and what to quote when asking for help.

import { h } from "./dom.js";

const REMEDIES = {
  unreachable: "Check that attune still runs and that this machine can reach it, then try again.",
  unauthorized: "Enter an API key with the button “API key” above. `attune key create` makes one.",
  forbidden: "This needs a key with another scope. Promoting a generator takes `admin`, training takes `train`.",
  not_found: "It may have been deleted, or belong to another key's tenant. Reload the list.",
  no_generator: "Train a generator first: add tasks and queue a generator job. Imported adapters work without one.",
  stale_generator: "Train a generator for the base that is loaded, or start attune with the earlier base.",
  stale_adapter: "Make the adapter anew from its description.",
  name_taken: "Choose another name.",
  job_finished: "There is nothing left to cancel.",
  precondition_failed: "Somebody changed it meanwhile. Reload and look before you write again.",
  too_large: "Send less at once.",
  invalid_request: "Mend the fields that are named, then send it again.",
  context_exceeded: "Shorten the input, or ask for fewer tokens.",
  unknown_task: "Add a few demonstrations, choose “generate all the same” or “blend”, or train the task under “Tasks”.",
  queue_full: "The server is busy. Wait a little and try again.",
  rate_limited: "Wait a little and try again.",
  quota_exceeded: "The key's quota is used until tomorrow; an admin can raise it.",
  unavailable: "The server starts, drains or lacks something that it needs. Try again in a moment.",
  timeout: "Ask for fewer tokens, or try again when less runs.",
};

/** The problem as an alert. */
export function problemView(error) {
  const body = error.body ?? { title: "The page failed", detail: String(error.message ?? error) };
  const remedy = REMEDIES[error.code] ?? (body.status >= 500 ? "Try again. If it stays, quote the request id." : null);
  const wrong = (body.invalid_params ?? []).map(({ name, reason }) => h("li", {}, h("code", {}, name), ` ${reason}`));
  const near = (body.nearest_tasks ?? [])
    .map(({ name, similarity }) => `${name} (${similarity.toFixed(2)})`)
    .join(", ");
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("strong", {}, body.title),
    body.detail && body.detail !== body.title ? h("p", {}, body.detail) : null,
    wrong.length ? h("ul", {}, wrong) : null,
    near ? h("p", {}, `Nearest training tasks: ${near}.`) : null,
    remedy ? h("p", { class: "remedy" }, remedy) : null,
    error.retryAfter ? h("p", {}, `The server asks to wait ${error.retryAfter} s.`) : null,
    body.instance ? h("p", { class: "quiet" }, "Request id ", h("code", {}, body.instance)) : null,
  );
}

/** Does the work and shows its problem in the place; undefined where it failed. A stop is no problem. */
export async function guarded(place, work) {
  place.replaceChildren();
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(problemView(error));
    return undefined;
  }
}
