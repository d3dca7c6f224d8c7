// Which command starts the server. Knows nothing of VS Code, so that it can be tested under Node.

import * as path from "node:path";

export interface Surroundings {
  /** What the settings say: a whole command, or an interpreter. */
  command: string[];
  interpreter: string;
  /** The interpreter that the Python extension has selected, if it is there. */
  selected: string | undefined;
  /** The workspace's folders, in order. */
  folders: string[];
  platform: NodeJS.Platform;
  exists: (file: string) => boolean;
  /** Does the command end well? */
  works: (command: string[]) => Promise<boolean>;
}

/** The interpreter's place in a virtual environment. */
export function inEnvironment(folder: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? path.win32.join(folder, "Scripts", "python.exe")
    : path.posix.join(folder, "bin", "python");
}

/** The interpreters to ask, the nearest to what the person has chosen first. */
export function interpreters(around: Surroundings): string[] {
  if (around.interpreter) {
    return [around.interpreter];
  }
  const found: string[] = around.selected ? [around.selected] : [];
  const join = around.platform === "win32" ? path.win32.join : path.posix.join;
  for (const folder of around.folders) {
    for (const name of [".venv", "venv"]) {
      const python = inEnvironment(join(folder, name), around.platform);
      if (around.exists(python)) {
        found.push(python);
      }
    }
  }
  found.push(around.platform === "win32" ? "python" : "python3");
  return [...new Set(found)];
}

/** The command that starts biaslint, without `lsp`; undefined where there is none. */
export async function find(around: Surroundings): Promise<string[] | undefined> {
  if (around.command.length > 0) {
    return around.command;
  }
  for (const python of interpreters(around)) {
    const command = [python, "-m", "biaslint"];
    if (await around.works([...command, "--version"])) {
      return command;
    }
  }
  // A tool that was installed by itself (pipx, uv) is no interpreter's; but a wish for an interpreter is a wish.
  if (!around.interpreter && (await around.works(["biaslint", "--version"]))) {
    return ["biaslint"];
  }
  return undefined;
}

/** What to say where nothing was found. */
export function advice(around: Surroundings): string {
  const python = interpreters(around)[0];
  return `biaslint was not found. Install it for ${python}: ${python} -m pip install "biaslint[lsp]", or set biaslint.path.`;
}
