// Light or dark: as the system has it until somebody says otherwise.

import { byId } from "./dom.js";

const CHOICE = "attune-theme";

export function themeButton() {
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const tell = () => byId("theme").setAttribute("aria-pressed", String(dark()));
  const before = localStorage.getItem(CHOICE);
  if (before) root.dataset.theme = before;
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem(CHOICE, root.dataset.theme);
    tell();
  });
  tell();
}
