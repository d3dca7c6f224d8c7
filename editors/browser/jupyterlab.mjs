// The language server in JupyterLab with jupyterlab-lsp: see README.md.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { check, project, rest, session } from "./common.mjs";

const option = { type: "string" };
const { values } = parseArgs({ options: { environment: option, screenshots: { type: "string", default: "screenshots" } } });
const programs = join(values.environment, "bin");

/** The configuration, as docs/editors.md shows it. */
function configuration() {
  const page = readFileSync(new URL("../../docs/editors.md", import.meta.url), "utf8");
  return /## JupyterLab[^]*?```json\n([^]*?)```/.exec(page)[1];
}

function start(scratch, port) {
  project(join(scratch, "project"));
  mkdirSync(join(scratch, "config/jupyter_server_config.d"), { recursive: true });
  writeFileSync(join(scratch, "config/jupyter_server_config.d/biaslint.json"), configuration());
  const open = ["--no-browser", "--allow-root", "--ip=127.0.0.1", `--port=${port}`, "--IdentityProvider.token="];
  const news = "--LabApp.news_url=None"; // it would ask a question on top of the page
  return {
    command: join(programs, "jupyter"),
    args: ["lab", ...open, news, `--ServerApp.root_dir=${join(scratch, "project")}`],
    env: {
      PATH: `${programs}:${process.env.PATH}`,
      JUPYTER_CONFIG_DIR: join(scratch, "config"),
      JUPYTER_DATA_DIR: join(scratch, "data"),
      IPYTHONDIR: join(scratch, "ipython"),
    },
  };
}

await session(values.screenshots, start, async (page, url) => {
  const shot = (name) => page.screenshot({ path: join(values.screenshots, `jupyterlab-${name}.png`) });

  await page.goto(`${url}/lab/tree/model.ipynb`);
  const marked = await page.waitForSelector(".jp-Notebook .cm-lintRange-warning");
  await rest(1000);
  const { x, y, width, height } = await marked.boundingBox();
  const texts = await page.$$eval(".jp-Notebook .cm-lintRange", (all) => all.map((one) => one.textContent));
  await shot("notebook");
  check("a finding is underlined in the cell of a notebook", texts.join() === "nn.Conv2d(3, 8, 3)", texts);

  await page.mouse.move(x + width / 2, y + height / 2);
  await rest(300);
  await page.mouse.move(x + width / 2 + 2, y + height / 2);
  const tooltip = await page.waitForSelector(".cm-tooltip-lint, .cm-diagnostic");
  await shot("message");
  const said = await tooltip.evaluate((one) => one.innerText);
  check("its message is shown on hover", said.includes("adds a bias that"), said);

  await page.mouse.click(x + width - 2, y + height / 2);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(", bias=False");
  await page.waitForFunction(() => !document.querySelector(".jp-Notebook .cm-lintRange"));
  await rest(1000);
  await shot("mended");
  const cell = await page.$$eval(".jp-Notebook .jp-CodeCell .cm-content", (all) => all.map((one) => one.innerText).join("\n"));
  check("it goes when the line is mended", cell.includes("nn.Conv2d(3, 8, 3, bias=False),"), cell);

  await page.goto(`${url}/lab/tree/net.py`);
  await page.waitForSelector(".jp-FileEditor .cm-lintRange-warning");
  await rest(500);
  await shot("file");
  const file = await page.$$eval(".jp-FileEditor .cm-lintRange", (all) => all.map((one) => one.textContent));
  check("a finding is underlined in a file", file.join() === "nn.Conv2d(3, 8, 3)", file);
});
