// The extension: starts the language server of the interpreter that is in use, and starts it again when that changes.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { LanguageClient, LanguageClientOptions, ServerOptions } from "vscode-languageclient/node";
import { advice, find, Surroundings } from "./command";

// `python -m` must not take modules from the folder that is linted.
const safe = { ...process.env, PYTHONSAFEPATH: "1" };
let client: LanguageClient | undefined;
let starting: Promise<void> = Promise.resolve();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("biaslint");
  const again = () => (starting = starting.then(() => restart(log)));
  context.subscriptions.push(
    log,
    vscode.commands.registerCommand("biaslint.restart", again),
    vscode.commands.registerCommand("biaslint.fixAll", fixAll),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("biaslint.interpreter") || event.affectsConfiguration("biaslint.path")) {
        void again();
      }
    }),
  );
  const python = await pythonExtension();
  const changed = python?.environments?.onDidChangeActiveEnvironmentPath;
  if (changed) {
    context.subscriptions.push(changed(again));
  }
  await again();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function restart(log: vscode.OutputChannel): Promise<void> {
  await client?.stop();
  client = undefined;
  const around = await surroundings();
  const command = await find(around);
  if (!command) {
    void vscode.window.showWarningMessage(advice(around));
    return;
  }
  log.appendLine(`starting ${command.join(" ")} lsp`);
  const server: ServerOptions = {
    command: command[0],
    args: [...command.slice(1), "lsp"],
    options: { cwd: around.folders[0], env: safe },
  };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "python" },
      { scheme: "untitled", language: "python" },
      { notebook: "jupyter-notebook", language: "python" },
    ],
    initializationOptions: vscode.workspace.getConfiguration("biaslint"),
    synchronize: { configurationSection: "biaslint" },
    outputChannel: log,
  };
  client = new LanguageClient("biaslint", "biaslint", server, options);
  try {
    await client.start();
  } catch (error) {
    log.appendLine(String(error));
    void vscode.window.showWarningMessage(`biaslint did not start: ${error}`);
  }
}

async function fixAll(): Promise<void> {
  await vscode.commands.executeCommand("editor.action.codeAction", {
    kind: "source.fixAll.biaslint",
    apply: "first",
  });
}

interface PythonApi {
  environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(path: { path: string }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
    onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

async function pythonExtension(): Promise<PythonApi | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi>("ms-python.python");
  return extension ? await extension.activate() : undefined;
}

async function selectedInterpreter(folder: vscode.WorkspaceFolder | undefined): Promise<string | undefined> {
  const environments = (await pythonExtension())?.environments;
  if (!environments) {
    return undefined;
  }
  const resolved = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(folder?.uri));
  return resolved?.executable.uri?.fsPath;
}

async function surroundings(): Promise<Surroundings> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const settings = vscode.workspace.getConfiguration("biaslint", folders[0]?.uri);
  return {
    command: settings.get<string[]>("path", []),
    interpreter: settings.get<string>("interpreter", ""),
    selected: await selectedInterpreter(folders[0]),
    folders: folders.map((folder) => folder.uri.fsPath),
    platform: process.platform,
    exists: existsSync,
    works: (command) =>
      new Promise((resolve) =>
        execFile(command[0], command.slice(1), { timeout: 20_000, cwd: folders[0]?.uri.fsPath, env: safe }, (error) => resolve(!error)),
      ),
  };
}
