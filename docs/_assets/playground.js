// Runs biaslint in the browser, with Pyodide. Everything comes from this site; the code that is linted stays on this page.
const home = new URL("./", import.meta.url);
let linter;

async function load(say) {
  say("Loading Python ...");
  const { loadPyodide } = await import(new URL("pyodide/pyodide.mjs", home));
  const python = await loadPyodide();
  say("Loading biaslint ...");
  const archive = await (await fetch(new URL("biaslint.zip", home))).arrayBuffer();
  python.unpackArchive(archive, "zip", { extractDir: "/biaslint" });
  return python.runPython(`
import sys
sys.path.insert(0, "/biaslint")
import playground
playground.lint`);
}

async function run(area) {
  const output = area.querySelector("pre");
  const say = (text) => (output.textContent = text);
  try {
    linter ??= load(say);
    const lint = await linter;
    output.innerHTML = lint(area.querySelector("textarea").value);
  } catch (error) {
    linter = undefined;
    say(`The linter could not be run: ${error}`);
  }
}

document.addEventListener("click", (event) => {
  const area = event.target.closest(".playground");
  if (area && event.target.matches("button")) {
    const example = area.querySelector(`template[data-name="${event.target.dataset.example}"]`);
    if (example) area.querySelector("textarea").value = example.content.textContent;
    run(area);
  }
});
