// What the drivers share: a project to open, a server to start, a browser, and checks that are printed.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

export const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A folder with a model file and a notebook, each with one BL101, on a line `    nn.Conv2d(3, 8, 3),`. */
export function project(folder) {
  const model = "net = nn.Sequential(\n    nn.Conv2d(3, 8, 3),\n    nn.BatchNorm2d(8),\n    nn.ReLU(),\n)\n";
  const code = (id, source) => ({ cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source });
  const kernel = { display_name: "Python 3", language: "python", name: "python3" };
  const notebook = {
    cells: [{ cell_type: "markdown", id: "title", metadata: {}, source: "# A model" }, code("imports", "from torch import nn"), code("model", model.trim())],
    metadata: { kernelspec: kernel, language_info: { name: "python", mimetype: "text/x-python", file_extension: ".py" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "pyproject.toml"), "");
  writeFileSync(join(folder, "net.py"), `from torch import nn\n\n${model}`);
  writeFileSync(join(folder, "model.ipynb"), JSON.stringify(notebook));
  return folder;
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Start a server, open a page, let `drive` use both, and end them whatever happens. */
export async function session(screenshots, start, drive) {
  mkdirSync(screenshots, { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), "biaslint-editor-"));
  const port = await freePort();
  const { command, args, env } = start(scratch, port);
  const server = spawn(command, args, { env: { ...process.env, ...env }, stdio: "ignore", detached: true });
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    page.setDefaultTimeout(60_000);
    page.on("dialog", (dialog) => dialog.accept()); // "Leave without saving?"
    for (let tries = 0; ; tries++) {
      try {
        await fetch(`http://127.0.0.1:${port}/`);
        break;
      } catch (error) {
        if (tries > 60) throw error;
        await rest(500);
      }
    }
    await drive(page, `http://127.0.0.1:${port}`, scratch);
  } finally {
    await browser.close();
    process.kill(-server.pid);
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Print what was seen, and fail where it is not what should be. */
export function check(what, holds, seen) {
  console.log(`${holds ? "ok" : "NOT OK"}: ${what}${holds ? "" : `; seen: ${JSON.stringify(seen)}`}`);
  if (!holds) process.exitCode = 1;
}
