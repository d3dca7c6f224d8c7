import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { advice, find, inEnvironment, interpreters, Surroundings } from "../src/command";

function around(given: Partial<Surroundings>): Surroundings {
  return {
    command: [],
    interpreter: "",
    selected: undefined,
    folders: ["/home/me/net"],
    platform: "linux",
    exists: () => false,
    works: async () => false,
    ...given,
  };
}

test("a command in the settings is taken as it is", async () => {
  assert.deepEqual(await find(around({ command: ["uvx", "biaslint"] })), ["uvx", "biaslint"]);
});

test("the selected interpreter's biaslint comes before that of an environment in the workspace", async () => {
  const asked: string[] = [];
  const works = async (command: string[]) => asked.push(command[0]) > 1;
  const found = await find(around({ selected: "/env/bin/python", exists: (file) => file === "/home/me/net/.venv/bin/python", works }));
  assert.deepEqual(asked, ["/env/bin/python", "/home/me/net/.venv/bin/python"]);
  assert.deepEqual(found, ["/home/me/net/.venv/bin/python", "-m", "biaslint"]);
});

test("an interpreter in the settings is the only one that is asked", async () => {
  const asked: string[][] = [];
  const works = async (command: string[]) => asked.push(command) < 0;
  const chosen = around({ interpreter: "/mine/python", selected: "/env/bin/python", works });
  assert.equal(await find(chosen), undefined);
  assert.deepEqual(asked, [["/mine/python", "-m", "biaslint", "--version"]]);
  assert.match(advice(chosen), /\/mine\/python -m pip install "biaslint\[lsp\]"/);
});

test("a biaslint that was installed by itself is found last", async () => {
  assert.deepEqual(await find(around({ works: async (command) => command[0] === "biaslint" })), ["biaslint"]);
});

test("on Windows, environments and interpreters are named as they are there", () => {
  assert.equal(inEnvironment("C:\\p\\.venv", "win32"), "C:\\p\\.venv\\Scripts\\python.exe");
  const found = interpreters(around({ platform: "win32", folders: ["C:\\p"], exists: (file) => file.includes(".venv") }));
  assert.deepEqual(found, ["C:\\p\\.venv\\Scripts\\python.exe", "python"]);
});

test("every setting of the manifest that the server reads is spelled as the server spells it", () => {
  const root = path.resolve(__dirname, "../..");
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const own = new Set(["interpreter", "path"]);
  const settings = Object.keys(manifest.contributes.configuration.properties)
    .map((name) => name.replace("biaslint.", ""))
    .filter((name) => !own.has(name));
  const source = readFileSync(path.resolve(root, "../../biaslint/lsp/settings.py"), "utf8").split("\ndef ")[0];
  const fields = [...source.matchAll(/^ {4}([a-z_]+): [^=]+ = /gm)].map((match) =>
    match[1].replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  );
  assert.deepEqual(settings.sort(), fields.sort());
});

const PYTHON = process.env.BIASLINT_PYTHON;

test("the command that is found starts a server that answers", { skip: PYTHON ? false : "BIASLINT_PYTHON is not set" }, async () => {
  const works = (command: string[]) =>
    new Promise<boolean>((resolve) => execFile(command[0], command.slice(1), (error) => resolve(!error)));
  const command = (await find(around({ interpreter: PYTHON, works }))) ?? assert.fail("no command");
  const server = spawn(command[0], [...command.slice(1), "lsp"]);
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { processId: null, rootUri: null, capabilities: {} } });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(request)}\r\n\r\n${request}`);
  const said = await new Promise<string>((resolve) => {
    let text = "";
    server.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      if (text.includes('"result"')) {
        resolve(text);
      }
    });
    server.on("exit", () => resolve(text));
  });
  server.kill();
  assert.match(said, /"codeActionProvider"/);
  assert.match(said, /"inlayHintProvider"/);
});
