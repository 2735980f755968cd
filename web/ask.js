// Dialogs: a question before what cannot be undone, and the API key.

import { key } from "./api.js";
import { button, byId, h } from "./dom.js";

/** Asks before something is done; resolves to whether to. */
export function confirmed(question, deed) {
  const dialog = h(
    "dialog",
    { "aria-labelledby": "question" },
    h(
      "form",
      { method: "dialog" },
      h("p", { id: "question" }, question),
      h(
        "div",
        { class: "row" },
        h("button", { value: "yes", class: "danger" }, deed),
        h("button", { value: "no" }, "Leave it"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

let asking = null;

/** Asks for a key; resolves to whether there is a new one. Requests that fail together ask once. */
export function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    const before = key.get();
    byId("key").value = before;
    byId("key-why").hidden = false;
    dialog.returnValue = "";
    if (!dialog.open) dialog.showModal();
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        resolve(dialog.returnValue === "save" && key.get() !== "" && key.get() !== before);
      },
      { once: true },
    );
  });
  return asking;
}

/** The key's button and dialog. */
export function keyDialog(changed) {
  const dialog = byId("key-dialog");
  const tell = () => (byId("key-button").textContent = key.get() ? "API key ✓" : "API key");
  const save = (value) => {
    key.set(value.trim());
    tell();
  };
  byId("key-button").addEventListener("click", () => {
    byId("key").value = key.get();
    byId("key-why").hidden = true;
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener("close", () => dialog.returnValue && changed(), { once: true });
  });
  byId("key-form").addEventListener("submit", () => save(byId("key").value));
  byId("key-forget").replaceWith(
    button("Forget it", () => {
      save("");
      dialog.close("forget");
    }),
  );
  byId("key-cancel").addEventListener("click", () => dialog.close(""));
  tell();
}
