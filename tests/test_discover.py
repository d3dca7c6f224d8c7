"""The file walk: what is taken, what is left out, and that it always ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from projects import write

from biaslint.config import Config, discovery


def walked(root: Path, *named: str, **settings: object) -> list[str]:
    config = Config(root=root, **settings)  # type: ignore[arg-type]
    found = discovery.files([root / name for name in named or (".",)], config)
    assert found.problems == []
    return [Path(os.path.relpath(path, root)).as_posix() for path in found.files]


def test_python_files_and_notebooks_are_taken_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "", "a/z.py": "", "a/n.ipynb": "{}", "a/readme.md": "", "c.pyc": b"\0"})
    assert walked(tmp_path) == ["a/n.ipynb", "a/z.py", "b.py"]


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    write(tmp_path, {"build/tool": "", ".gitignore": "build/\n", ".git/HEAD": ""})
    assert walked(tmp_path, "build/tool") == ["build/tool"]


@pytest.mark.parametrize("folder", [".venv", "node_modules", "build", "__pycache__", "site-packages", ".git"])
def test_folders_that_hold_other_peoples_code_are_left_out(tmp_path: Path, folder: str) -> None:
    write(tmp_path, {f"{folder}/x.py": "", f"deep/{folder}/x.py": "", "kept.py": ""})
    assert walked(tmp_path) == ["kept.py"]
    assert walked(tmp_path, folder) == [f"{folder}/x.py"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("legacy", ["a/new.py", "top.py"]),
        ("a/legacy", ["a/new.py", "legacy/y.py", "top.py"]),
        ("./a/legacy/", ["a/new.py", "legacy/y.py", "top.py"]),
        ("*.py", []),
        ("a/*.py", ["legacy/y.py", "top.py"]),
        ("**/new.py", ["a/legacy/x.py", "legacy/y.py", "top.py"]),
        ("/top.py", ["a/legacy/x.py", "a/new.py", "legacy/y.py"]),
    ],
)
def test_files_are_excluded_by_name_and_by_path(tmp_path: Path, pattern: str, left: list[str]) -> None:
    write(tmp_path, {"a/legacy/x.py": "", "a/new.py": "", "legacy/y.py": "", "top.py": ""})
    assert walked(tmp_path, extend_exclude=(pattern,)) == left


def test_force_exclude_holds_for_named_files(tmp_path: Path) -> None:
    write(tmp_path, {"legacy/x.py": "", "ignored.py": "", ".gitignore": "ignored.py\n", ".git/HEAD": "", "kept.py": ""})
    names = ("legacy/x.py", "ignored.py", "kept.py")
    assert walked(tmp_path, *names, extend_exclude=("legacy",)) == ["ignored.py", "kept.py", "legacy/x.py"]
    assert walked(tmp_path, *names, extend_exclude=("legacy",), force_exclude=True) == ["kept.py"]


IGNORING = {
    ".git/HEAD": "",
    ".git/info/exclude": "secret.py\n",
    ".gitignore": "*.gen.py\n/only_top.py\nout/\n!out/kept.py\nsub/inner/*\n!sub/inner/kept.py\n",
    "x.gen.py": "",
    "only_top.py": "",
    "secret.py": "",
    "kept.py": "",
    "out/a.py": "",
    "out/kept.py": "",
    "sub/only_top.py": "",
    "sub/secret.py": "",
    "sub/.gitignore": "!y.gen.py\nlocal.py\n",
    "sub/y.gen.py": "",
    "sub/z.gen.py": "",
    "sub/local.py": "",
    "sub/inner/dropped.py": "",
    "sub/inner/kept.py": "",
    "local.py": "",
}


def test_gitignore_files_are_read_as_git_reads_them(tmp_path: Path) -> None:
    write(tmp_path, IGNORING)
    kept = ["kept.py", "local.py", "sub/inner/kept.py", "sub/only_top.py", "sub/y.gen.py"]
    assert walked(tmp_path) == kept
    assert walked(tmp_path, "sub") == [name for name in kept if name.startswith("sub/")]


def test_gitignore_files_can_be_left_aside(tmp_path: Path) -> None:
    write(tmp_path, IGNORING)
    every = sorted(name for name in IGNORING if name.endswith(".py"))
    assert walked(tmp_path, respect_gitignore=False) == every


def test_gitignore_counts_only_within_its_repository(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.py\n", "repo/.git/HEAD": "", "repo/a.py": ""})
    assert walked(tmp_path, "repo") == ["repo/a.py"]


def test_a_named_folder_that_is_ignored_is_linted_all_the_same(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".git/HEAD": "",
            ".gitignore": ".venv\n",
            ".venv/lib/.gitignore": "no.py\n",
            ".venv/lib/a.py": "",
            ".venv/lib/no.py": "",
        },
    )
    assert walked(tmp_path, ".venv/lib") == [".venv/lib/a.py"]


def test_links_to_folders_are_not_followed_so_a_loop_ends(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.py": "", "elsewhere/y.py": ""})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "self.py").symlink_to(tmp_path / "a" / "self.py")
    assert walked(tmp_path, "a") == ["a/self.py", "a/x.py"]


def test_a_link_to_a_file_is_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path, {"x.py": ""})
    (tmp_path / "again.py").symlink_to("x.py")
    assert walked(tmp_path) == ["again.py"]
    assert walked(tmp_path, "x.py", "again.py") == ["x.py"]


def test_a_missing_path_is_a_problem_and_the_others_are_walked(tmp_path: Path) -> None:
    write(tmp_path, {"x.py": ""})
    found = discovery.files([tmp_path / "no", tmp_path / "x.py", tmp_path / "nul\0"], Config(root=tmp_path))
    assert found.files == [tmp_path / "x.py"]
    assert len(found.problems) == 2
    assert found.problems[0] == f"{tmp_path}/no: No such file or directory"
