"""The documentation builds, its links lead somewhere, and its recipes are what they claim to be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from projects import ROOT

from biaslint import config
from biaslint.cli import COMMANDS
from biaslint.config.thresholds import Thresholds
from biaslint.findings import rule_book

pytest.importorskip("zensical", reason="Zensical is not installed")
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given.get("id") or "", given.get("name") or ""}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        elif tag in ("script", "img", "iframe") and given.get("src"):
            self.loads.append(given["src"] or "")
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon"):
            self.loads.append(given["href"] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(ROOT / "docs/_build.py"), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_link_within_the_site_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    broken, followed = [], 0
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            base = site if parts.path.startswith("/") or path.name == "404.html" else path.parent
            name = unquote(parts.path).removeprefix("/biaslint").lstrip("/") if base is site else unquote(parts.path)
            target = (base / name).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            followed += 1
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert followed > 200
    assert not broken


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = [load for path in site.rglob("*.html") for load in Page(path.read_text(encoding="utf-8")).loads]
    assert loads
    assert [load for load in loads if urlsplit(load).netloc] == []


def test_every_rule_has_a_page_with_its_examples(site: Path) -> None:
    overview = (site / "rules/index.html").read_text(encoding="utf-8")
    for rule in rule_book.rules():
        text = (site / "rules" / rule.name / "index.html").read_text(encoding="utf-8")
        assert rule.code in text
        assert f'href="{rule.name}/"' in overview
        assert text.count('class="filename"') >= len(rule_book.page(rule).examples)
        assert "```" not in text


def test_each_reported_example_has_its_line_marked_and_is_followed_by_what_the_terminal_says(site: Path) -> None:
    for rule in rule_book.rules():
        text = (site / "rules" / rule.name / "index.html").read_text(encoding="utf-8")
        bad = [one for one in rule_book.page(rule).examples if one.role == "bad"]
        if rule.made_by == "check":
            assert len(re.findall(rf'<div class="terminal"><pre>.*?{rule.code} ', text, re.DOTALL)) == len(bad), rule.name
        marked = sum(len(re.findall(rf"#.*{rule.code}", one.code)) for one in bad)
        assert text.count('<span class="hll">') >= marked
        assert "# BL" not in re.sub(r"<[^>]*>", "", text)


def test_rules_can_be_found_by_their_facts_and_stand_in_the_navigation(site: Path) -> None:
    overview = (site / "rules/index.html").read_text(encoding="utf-8")
    for rule in rule_book.rules():
        state = "on" if rule.default else "off"
        data = f'data-framework="{" ".join(rule.frameworks)}" data-severity="{rule.severity}" data-fix="{rule.fix}" data-default="{state}"'
        assert re.search(rf'{re.escape(data)}><a href="{rule.name}/"', overview), rule.name
        assert re.search(rf'class="md-nav__link"[^>]*>\s*<span[^>]*>\s*{rule.code} {rule.name}', overview), rule.name
    first, second, third = rule_book.rules()[:3]
    page = (site / "rules" / second.name / "index.html").read_text(encoding="utf-8")
    neighbours = re.findall(r'<a href="([^"]*)" class="md-footer__link', page)
    assert neighbours == [f"../{first.name}/", f"../{third.name}/"]


def test_the_playground_lints_without_threads_and_without_the_package_that_writes_fixes(tmp_path: Path) -> None:
    pyodide = tmp_path / "pyodide"
    pyodide.mkdir()
    script = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'docs')!r}, {str(ROOT)!r}]; from pathlib import Path; import _playground\n"
        f"here = Path({str(tmp_path)!r})\n"
        "for name in _playground.RUNTIME: (here / 'pyodide' / name).touch()\n"
        "(here / 'assets').mkdir(); _playground.assets(here / 'assets', here / 'pyodide'); print(_playground.page())\n"
        "for name in _playground.EXAMPLES: (here / name).write_text(_playground.example(name))\n"
    )
    page = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert page.count("<template") == 3
    shutil.unpack_archive(tmp_path / "assets/biaslint.zip", tmp_path / "python")
    lint = (
        "import sys, threading; sys.modules['libcst'] = None; sys.path.insert(0, sys.argv[1]); import playground\n"
        "sys.platform = 'emscripten'; threading.Thread.start = None\n"
        "for name in sys.argv[2:]: print(playground.lint(open(name).read()))\n"
    )
    found = re.findall(r"data-example=\"([\w-]+)\"", page)
    files = [str(tmp_path / name) for name in found]
    done = subprocess.run(
        [sys.executable, "-c", lint, str(tmp_path / "python"), *files], capture_output=True, text=True, check=False
    )
    assert re.findall(r">(BL\d+) \w+</span>", done.stdout) == ["BL101", "BL301", "BL403"], done.stdout + done.stderr


def test_every_page_can_be_searched(site: Path) -> None:
    found = json.loads((site / "search.json").read_text(encoding="utf-8"))
    places = {item["location"].partition("#")[0] for item in found["items"]}
    assert {f"rules/{rule.name}/" for rule in rule_book.rules()} <= places


def test_every_command_and_setting_is_documented(site: Path) -> None:
    commands = (site / "command-line/index.html").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"biaslint {name}" not in commands] == []
    assert "--diff-base REV" in commands
    settings = (site / "configuration/index.html").read_text(encoding="utf-8")
    known = config.KEYS
    assert {name for name in known if f"<code>{name}</code>" not in settings} == set()


def test_the_editor_settings_are_those_of_the_server(site: Path) -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    from biaslint.lsp.settings import Settings

    text = (ROOT / "docs/editors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| ", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {re.sub(r"_(\w)", lambda m: m[1].upper(), name) for name in Settings.__dataclass_fields__}


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_recipes_in_json_and_toml_are_valid() -> None:
    (code, zed, jupyter, sublime, assistants) = blocks("editors.md", "json")
    assert json.loads(jupyter)["LanguageServerManager"]["language_servers"]["biaslint"]["argv"] == ["biaslint", "lsp"]
    assert json.loads(zed)["lsp"]["pylsp"]["settings"]["plugins"]["flake8"]["enabled"]
    assert json.loads(assistants)["mcpServers"]["biaslint"] == {"command": "biaslint", "args": ["mcp"]}
    assert json.loads(f"{{{code}}}")
    assert json.loads(sublime)["clients"]["biaslint"]["command"] == ["biaslint", "lsp"]
    (helix,) = blocks("editors.md", "toml")
    assert tomllib.loads(helix)["language-server"]["biaslint"]["args"] == ["lsp"]


def test_the_configuration_shown_can_be_read(tmp_path: Path) -> None:
    for shown in blocks("configuration.md", "toml"):
        (tmp_path / "pyproject.toml").write_text(shown)
        chosen = config.load(tmp_path / "pyproject.toml")
        assert chosen.extend_select == ("BL102",) or chosen.layers or chosen.verify


def test_the_measurements_that_are_documented_are_those_there_are() -> None:
    text = (ROOT / "docs/measuring.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 6]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines][1:]
    shown = {row[2].strip("`").replace("-", "_"): float(row[3].split()[0]) for row in rows if row[2]}
    assert shown == asdict(Thresholds())
    for row in rows:
        for name in re.findall(r"rules/([\w-]+)\.md", row[4]):
            page = (ROOT / "rules" / f"{name}.md").read_text(encoding="utf-8")
            assert not row[2] or f"`{row[2].strip('`')}`" in page, f"{name} does not state {row[2]}"


def test_the_python_shown_runs(tmp_path: Path) -> None:
    shown, start = blocks("python.md", "python")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/net.py").write_bytes((ROOT / "fixtures/torch/conv_then_batch_norm.py").read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    assert "BL101" in done.stdout
    pytest.importorskip("torch", reason="PyTorch is not installed")
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "initial-loss" in done.stdout
