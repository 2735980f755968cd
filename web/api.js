// Requests to the server that the page came from. The key stays in this tab's session and goes out as `Authorization` alone.

import { events } from "./sse.js";

const BASE = new URL("../", import.meta.url);
const KEY = "attune-key";

let askForKey = async () => false;

/** Sets who asks for a key when the server wants one: resolves to whether there is a new one. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** What the server refused, as it said it (RFC 9457), or what kept the request from it. */
export class Problem extends Error {
  constructor(body, retryAfter) {
    super(body.detail ?? body.title);
    Object.assign(this, { body, retryAfter, code: (body.type ?? "").split("/").pop() });
  }
}

async function problemOf(response) {
  const retryAfter = response.headers.get("retry-after");
  const id = response.headers.get("x-request-id");
  try {
    return new Problem({ instance: id, ...(await response.json()) }, retryAfter);
  } catch {
    const detail = "The answer is not one of attune's; something between may have given it.";
    return new Problem(
      { title: `The server answered ${response.status}`, detail, status: response.status, instance: id },
      retryAfter,
    );
  }
}

async function send(path, { method = "GET", json, text, headers = {}, signal }) {
  const head = new Headers(headers);
  if (key.get()) head.set("authorization", `Bearer ${key.get()}`);
  if (json !== undefined) head.set("content-type", "application/json");
  const body = json === undefined ? text : JSON.stringify(json);
  try {
    return await fetch(new URL(path, BASE), { method, headers: head, body, signal, credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ type: "unreachable", title: "The server cannot be reached", detail: "No answer came." });
  }
}

/** The answer to a request, or a thrown Problem. A 401 asks for a key and tries once more. */
export async function request(path, options = {}) {
  let response = await send(path, options);
  if (response.status === 401 && (await askForKey())) response = await send(path, options);
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** As `request`, read as JSON; null where there is nothing to read. */
export async function call(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

/** The server-sent events of an answer; one named `error` is thrown. */
export async function* stream(path, options = {}) {
  const response = await request(path, { ...options, headers: { accept: "text/event-stream", ...options.headers } });
  if (response.status === 204) return;
  for await (const event of events(response.body)) {
    const data = JSON.parse(event.data);
    if (event.name === "error") throw new Problem(data);
    yield { ...event, data };
  }
}

/** Hands a file that needs the key to the browser's downloads. */
export async function download(path, name) {
  const blob = await (await request(path)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
