// Walks the page as a visitor does: describe, compare, add a task, train, watch, roll back and promote.
//
//     node walk.mjs URL PICTURES
//
// The server is a fresh one: a task that was trained already gives its adapter at once, without a loss to draw.
// Faults are told all together at the end: a request to another origin, something in the console, a serious fault that axe-core
// finds, a page wider than the window, more than 150 KB.

import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [url, pictures] = process.argv.slice(2);
// The packages lie where the caller put them, not beside this file.
const require = createRequire(join(process.env.PAGE_MODULES ?? process.cwd(), "walk.cjs"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WINDOWS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const PARTS = ["try", "adapters", "tasks", "generators"];
const MOST_BYTES = 150_000;
const SOON = 60_000;
const TRAINED = 540_000;

const faults = [];
mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

/** A tab whose every fault is noted. axe-core is put in from outside the page, past its policy. */
async function open(settings) {
  const context = await browser.newContext({ bypassCSP: false, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(SOON);
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(url).origin && !["data:", "blob:"].includes(protocol))
      faults.push(`a request to ${request.url()}`);
  });
  page.on("console", (message) => {
    // The console tells each refused request too; those that are wanted are looked at where they are made.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text()))
      faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  return page;
}

async function audit(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }),
  );
  for (const { id, impact, nodes } of violations) {
    const line = `axe on ${where}: ${id} (${impact}): ${nodes.map((node) => node.target).join(", ")}`;
    if (["serious", "critical"].includes(impact)) faults.push(line);
    else console.log(`note: ${line}`);
  }
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) faults.push(`${where} is ${over} px wider than the window`);
}

async function go(page, part) {
  await page.click(`nav a[href="#${part}"]`);
  await page.waitForSelector(`#${part}:not([hidden])`);
}

async function step(name, work) {
  const begun = Date.now();
  await work();
  console.log(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

function expect(holds, what) {
  if (!holds) faults.push(what);
}

async function weight() {
  const page = await open({});
  let bytes = 0;
  const bodies = [];
  page.on("response", (response) => {
    if (/\/(web\/.*)?$/.test(new URL(response.url()).pathname))
      bodies.push(response.body().then((body) => (bytes += body.length)));
  });
  await page.goto(url);
  await page.waitForLoadState("networkidle");
  await Promise.all(bodies);
  console.log(`the page weighs ${bytes} bytes in ${bodies.length} files`);
  expect(bytes > 0 && bytes < MOST_BYTES, `the page weighs ${bytes} bytes`);
  await page.context().close();
}

async function describe(page) {
  await page.fill("#task-text", "Write the word backwards.");
  await page.press("#add-demonstration", "Enter");
  await page.fill("[name=input]", "stone");
  await page.fill("[name=output]", "enots");
  await page.click("#describe-submit");
  await page.waitForSelector("#adapter .heatmap");
  const card = await page.innerText("#adapter");
  for (const word of ["confidence", "agreement", "Nearest training tasks", "rank", "in all"]) {
    expect(card.includes(word), `the adapter's card does not say “${word}”`);
  }
  expect((await page.locator("#adapter .heatmap tbody td").count()) > 0, "the heat map is empty");
  for (const file of ["adapter_config.json", "adapter_model.safetensors"]) {
    const saved = page.waitForEvent("download");
    await page.click(`#adapter button:text-is("${file}")`);
    expect((await saved).suggestedFilename() === file, `${file} is not saved under its name`);
  }
}

async function compare(page) {
  await page.fill("#input", "river");
  await page.click("#run");
  await page.waitForFunction(() => document.querySelectorAll('.pane .answer[aria-busy="false"]').length === 2);
  const answers = await page.locator(".pane").allInnerTexts();
  expect(
    answers.every((answer) => answer.includes("on the server")),
    `an answer has no times: ${answers}`,
  );
  expect((await page.locator(".pane .problem").count()) === 0, `an answer failed: ${answers}`);
  expect(answers[1].includes("revir"), `the adapter's answer is not “revir”: ${answers[1]}`);
}

/** The map under the adapter: every task once, the nearest and the description marked, found by words and by pointing. */
async function map(page) {
  await page.click("#adapter .map-of-tasks summary");
  const svg = page.locator("#adapter .map > svg");
  await svg.waitFor();
  const label = await svg.getAttribute("aria-label");
  expect(/Map of [\d,]+ training tasks, with this description, nearest to /.test(label), `the map says: ${label}`);
  expect((await svg.locator("g.here circle").count()) === 1, "the description is not on the map");
  const dots = (await svg.locator("path.task").getAttribute("d")).split("M").length - 1;
  expect(dots === Number(label.match(/[\d,]+/)[0].replaceAll(",", "")), `the map has ${dots} dots: ${label}`);
  await page.fill('#adapter .map input[type="search"]', "backwards");
  expect((await page.locator("#adapter .map [role=status] li").count()) > 0, "no task is found by its words");
  await svg.hover();
  await page.waitForSelector("#adapter .map .pointed strong");
}

async function stop(page) {
  // A long answer at the highest temperature, which a visitor does not wait for.
  await page.fill("#input", "once");
  await page.fill("#max-tokens", "900");
  await page.fill("#temperature", "2");
  await page.click("#run");
  await page.click("#stop", { timeout: 5000 }).catch(() => console.log("note: the answer ended before it was stopped"));
  await page.waitForSelector("#run:not(:disabled)");
}

async function refused(page) {
  await page.click("#describe summary");
  await page.selectOption("#on-unknown", "reject");
  await page.fill("#task-text", "Prove the lemma of Zorn in Latin hexameters");
  await page.click("#describe-submit");
  const text = await page.locator("#describe-problem .problem").innerText();
  expect(text.includes("Request id") && text.includes("Nearest training tasks"), `a refusal says too little: ${text}`);
  await page.selectOption("#on-unknown", "generate");
}

async function addTask(page) {
  const words = ["cat", "tree", "stone", "lamp", "river", "bird", "cloud", "bread", "chair", "horse"];
  await go(page, "tasks");
  await page.fill("#task-name", "zebra");
  await page.fill("#descriptions", "Put a zebra behind the word.\nAdd a zebra after it.");
  await page.fill("#examples", "{");
  await page.click("#task-save");
  expect((await page.innerText("#task-problem .problem")).includes("Line 1"), "a line that is no JSON is not named");
  await page.fill(
    "#examples",
    words.map((word) => JSON.stringify({ input: word, output: `${word} zebra` })).join("\n"),
  );
  await page.click("#task-save");
  await page.waitForSelector("#task-problem .done, dialog[open]");
  if (await page.locator("dialog[open]").count()) await page.click('dialog[open] button:text-is("Replace")');
  await page.waitForSelector("#task-problem .done");
}

async function train(page, deed) {
  await page.fill('#task-list input[type="number"]', deed === "Train adapter" ? "20" : "2");
  await page.click(`#task-list button:text-is("${deed}")`);
  await page.waitForSelector("#watched .badge.good, #watched .badge.bad", { timeout: TRAINED });
  expect(
    (await page.locator("#watched .badge.good").count()) === 1,
    `the job failed: ${await page.innerText("#watched")}`,
  );
  expect((await page.locator("#watched svg .curve").count()) >= 1, "no loss curve was drawn");
}

async function cancel(page) {
  // So many steps that it does not end by itself before.
  await page.fill('#task-list input[type="number"]', "5000");
  await page.click('#task-list button:text-is("Train adapter")');
  await page.click('#watched button:text-is("Cancel the job")');
  await page.waitForSelector("#watched .badge.warn, #watched .badge.good", { timeout: TRAINED });
  expect((await page.locator("#watched .badge.warn").count()) > 0, "the job was not cancelled");
}

async function promote(page) {
  await go(page, "generators");
  await page.waitForSelector("#generator-list .card");
  for (const box of await page.locator("#generator-list input[type=checkbox]").all()) await box.check();
  await page.waitForSelector("#comparison table");
  for (const deed of ["Roll back to it", "Promote"]) {
    const control = page.locator(`#generator-list button:text-is("${deed}")`).first();
    await control.click();
    await page.click(`dialog[open] button:text-is("${deed}")`);
    await page.waitForFunction(
      (gone) => ![...document.querySelectorAll("#generator-list button")].some((one) => one.textContent === gone),
      deed,
    );
  }
  for (const box of await page.locator("#generator-list input[type=checkbox]").all()) await box.check();
}

async function remove(page) {
  await go(page, "adapters");
  await page.waitForSelector("#adapter-list tbody tr");
  await page.fill("#query", "backwards");
  await page.press("#query", "Enter");
  await page.waitForFunction(() =>
    [...document.querySelectorAll("#adapter-list tbody tr")].every((row) => row.textContent.includes("backwards")),
  );
  const rows = await page.locator("#adapter-list tbody tr").count();
  await page.locator('#adapter-list button:text-is("Delete")').first().click();
  await page.click('dialog[open] button:text-is("Delete")');
  await page.waitForFunction((before) => document.querySelectorAll("#adapter-list tbody tr").length < before, rows);
}

/** What a key does: asked for at a 401, sent, kept in this tab alone. The server has none, so the answers are made up. */
async function keys() {
  const page = await open({});
  const sent = [];
  await page.route("**/info", async (route) => {
    const key = await route.request().headerValue("authorization");
    sent.push(key);
    if (key) return route.continue();
    const json = {
      type: "/problems/unauthorized",
      title: "An API key is needed",
      status: 401,
      detail: "none was sent",
      instance: "r1",
    };
    return route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify(json) });
  });
  await page.goto(url);
  await page.waitForSelector("#key-dialog[open]");
  await audit(page, "the key's dialog");
  await page.fill("#key", "attune_walk");
  await page.press("#key", "Enter");
  await page.waitForFunction(() => document.querySelector("#server").textContent.includes("parameters"));
  expect(sent.at(-1) === "Bearer attune_walk", `the key is not sent: ${sent}`);
  expect(
    await page.evaluate(
      () => sessionStorage.getItem("attune-key") === "attune_walk" && !JSON.stringify(localStorage).includes("walk"),
    ),
    "the key is kept elsewhere",
  );
  await page.context().close();
}

/** Every part in both widths and both themes, looked at and kept as a picture. */
async function look() {
  for (const [name, viewport] of Object.entries(WINDOWS)) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ viewport, colorScheme, reducedMotion: "reduce" });
      await page.goto(url);
      await page.fill("#task-text", "Put a zebra behind the word.");
      await page.click("#describe-submit");
      await page.waitForSelector("#adapter .heatmap");
      await page.click("#adapter .map-of-tasks summary");
      await page.waitForSelector("#adapter .map > svg");
      await page.fill("#input", "river");
      await page.click("#run");
      await page.waitForFunction(() => document.querySelectorAll('.pane .answer[aria-busy="false"]').length === 2);
      for (const part of PARTS) {
        await go(page, part);
        await page.waitForLoadState("networkidle");
        if (part === "tasks") {
          await page.locator("#job-list tbody button").last().click();
          await page.waitForSelector("#watched details");
        }
        await audit(page, `${part}, ${name}, ${colorScheme}`);
        await page.screenshot({ path: join(pictures, `${part}-${name}-${colorScheme}.png`), fullPage: true });
      }
      await page.context().close();
    }
  }
}

/** The theme's button, and the keyboard's first steps. */
async function keyboard() {
  const page = await open({ colorScheme: "light" });
  await page.goto(url);
  await page.keyboard.press("Tab");
  expect(
    await page.evaluate(() => document.activeElement.className === "skip"),
    "the first stop is not the way past the head",
  );
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.documentElement.dataset.theme === "dark"), "the theme does not change");
  await page.focus('nav a[href="#tasks"]');
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "tasks-title");
  await page.context().close();
}

try {
  const page = await open({ viewport: WINDOWS.desktop });
  await page.goto(url);
  await step("weight", weight);
  await step("describe", () => describe(page));
  await step("map", () => map(page));
  await step("compare", () => compare(page));
  await step("stop", () => stop(page));
  await step("refusal", () => refused(page));
  await step("add a task", () => addTask(page));
  await step("train an adapter", () => train(page, "Train adapter"));
  await step("cancel", () => cancel(page));
  await step("train the generator", () => train(page, "Fold into generator"));
  await step("compare, roll back, promote", () => promote(page));
  await step("search and delete", () => remove(page));
  await step("key", keys);
  await step("keyboard", keyboard);
  await step("look", look);
} catch (error) {
  faults.push(error.message);
} finally {
  await browser.close();
}
console.log(faults.length ? `FAULTS\n${faults.join("\n")}` : "the page holds");
process.exit(faults.length ? 1 : 0);
