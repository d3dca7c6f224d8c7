// The extension in a real build of Visual Studio Code: see README.md.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { check, project, rest, session } from "./common.mjs";

const option = { type: "string" };
const { values } = parseArgs({
  options: { "code-server": option, vsix: option, python: option, without: option, screenshots: { type: "string", default: "screenshots" } },
});
const entry = join(values["code-server"], "out/node/entry.js");

function settings(scratch, python) {
  const chosen = { "biaslint.interpreter": python, "workbench.startupEditor": "none", "chat.disableAIFeatures": true };
  mkdirSync(join(scratch, "data/User"), { recursive: true });
  writeFileSync(join(scratch, "data/User/settings.json"), JSON.stringify(chosen));
}

function start(scratch, port) {
  project(join(scratch, "project"));
  settings(scratch, values.python);
  const folders = ["--user-data-dir", join(scratch, "data"), "--extensions-dir", join(scratch, "extensions")];
  const env = { XDG_CONFIG_HOME: join(scratch, "config") };
  execFileSync(process.execPath, [entry, ...folders, "--install-extension", values.vsix], { env: { ...process.env, ...env } });
  const quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"];
  return { command: process.execPath, args: [entry, ...folders, ...quiet, "--bind-addr", `127.0.0.1:${port}`], env };
}

await session(values.screenshots, start, async (page, url, scratch) => {
  const shot = (name) => page.screenshot({ path: join(values.screenshots, `vscode-${name}.png`) });
  const open = async (name) => (await page.waitForSelector(`.explorer-folders-view [aria-label^="${name}"]`)).click({ count: 2 });
  const load = () => page.goto(`${url}/?folder=${join(scratch, "project")}`);
  const lines = () => page.$$eval(".editor-instance .view-line", (all) => all.map((one) => one.innerText.replaceAll("\u00a0", " ")));

  await load();
  await open("net.py");
  const marked = await page.waitForSelector(".editor-instance .squiggly-warning");
  const { x, y, width, height } = await marked.boundingBox();
  await rest(1000);
  await shot("finding");
  check("a finding is underlined in a file", (await page.$$(".editor-instance .squiggly-warning")).length === 1 && width > 100, width);

  await page.mouse.move(x + 40, y + height / 2);
  await page.waitForFunction(() => /Measured/.test(document.querySelector(".monaco-hover:not(.hidden)")?.innerText));
  await rest(1000); // it is drawn again when the second of its parts arrives
  await shot("hover");
  const hover = await page.$$eval(".monaco-hover:not(.hidden) .hover-row", (rows) => ({
    text: rows.map((one) => one.innerText).join("\n"),
    lines: Math.round(rows.find((one) => one.innerText.includes("Measured")).getBoundingClientRect().height / 19),
  }));
  check("a hover has the message, the beginning of the rule's page and a link", /adds a bias that[^]*bias-before-norm \(BL101\)[^]*Measured/.test(hover.text), hover);
  check("a hover is at most fifteen lines", hover.lines <= 15, hover.lines);

  await page.keyboard.press("Escape");
  await page.mouse.click(x + 40, y + height / 2);
  await page.keyboard.down("Control");
  await page.keyboard.press(".");
  await page.keyboard.up("Control");
  await page.waitForSelector(".action-widget .monaco-list-row.action");
  await rest(500);
  await shot("quick-fix");
  const offered = await page.$$eval(".action-widget .monaco-list-row.action", (all) => all.map((one) => one.innerText.trim()));
  check("a fix and a suppression are offered", offered.length === 2 && /unsafe: `bias=False`/.test(offered[0]) && /ignore BL101/.test(offered[1]), offered);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !document.querySelector(".editor-instance .squiggly-warning"));
  await rest(500);
  await shot("fixed");
  check("the fix is applied, and the finding goes", (await lines()).includes("    nn.Conv2d(3, 8, 3, bias=False),"), await lines());

  await open("model.ipynb");
  await page.waitForSelector(".notebook-editor .cell .squiggly-warning, .notebookOverlay .squiggly-warning");
  await rest(1500);
  await shot("notebook");
  const cells = await page.$$eval(".notebookOverlay .squiggly-warning", (all) =>
    all.map((one) => one.closest(".cell-editor-container, .monaco-editor").innerText.replaceAll("\u00a0", " ")),
  );
  check("a finding is underlined in the cell of a notebook", cells.length === 1 && cells[0].includes("nn.Conv2d(3, 8, 3)"), cells);

  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.down(key);
    for (const key of keys.reverse()) await page.keyboard.up(key);
  };
  const choose = async (text) => {
    await page.waitForSelector(".quick-input-widget input");
    await rest(500);
    await page.keyboard.type(text);
    await (await page.waitForSelector(`.quick-input-list .monaco-list-row[aria-label^="${text}"]`)).click();
  };
  await press("F1");
  await choose("File: New Untitled Text File");
  await rest(1000);
  await press("F1");
  await choose("Change Language Mode");
  await choose("Python");
  await rest(1000);
  await page.keyboard.sendCharacter("from torch import nn; net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())");
  await page.waitForSelector(".editor-instance .squiggly-warning");
  await rest(1000);
  await shot("untitled");
  check("a finding is underlined in a file that has no name yet", (await page.$$(".editor-instance .squiggly-warning")).length === 1, await lines());

  settings(scratch, values.without);
  await load();
  await open("net.py");
  const toast = await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll(".notification-toast")].map((one) => one.innerText);
    return shown.find((one) => one.includes("biaslint"));
  });
  await rest(3000);
  await shot("missing-extra");
  const said = await page.$$eval(".notification-toast", (all) => all.map((one) => one.innerText));
  check("without the extra, it says what to install", (await toast.jsonValue()).includes("pip install 'biaslint[lsp]'"), said);
  check("and nothing says that the server crashed", said.length === 1 && !/crash/i.test(said.join()), said);
});
