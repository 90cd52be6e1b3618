"""The shape of the package, held by machine: directions of imports, sizes, what may be imported when."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "labelloop").rglob("*.py"))


def test_imports_point_in_one_direction() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            documented = ast.get_docstring(node, clean=False) or ""
            assert node.end_lineno - node.lineno - documented.count("\n") <= 45, f"{node.name} is too long"


def test_the_code_location_needs_no_heavy_import() -> None:
    code = (
        "import sys, labelloop.definitions;"
        "heavy = {'torch', 'fiftyone', 'ultralytics', 'ray', 'cvat_sdk', 'cv2', 'sklearn', 'skimage', 'scipy'};"
        "heavy |= {'numba', 'llvmlite'};"
        "heavy &= set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_top_level_holds_only_what_was_agreed() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listing.stdout.splitlines()}
    agreed = {
        "pyproject.toml",
        "labelloop",
        "labelloop_tests",
        "workspace.yaml",
        "dagster.yaml",
        "README.md",
        "LICENSE",
    }
    assert {name for name in top if not name.startswith(".")} <= agreed


def test_tests_mirror_the_package() -> None:
    folders = {path.parent.relative_to(ROOT / "labelloop") for path in MODULES}
    tested = {
        path.parent.relative_to(ROOT / "labelloop_tests") for path in (ROOT / "labelloop_tests").rglob("test_*.py")
    }
    untested = {f.as_posix() for f in folders if not any(t == f or f in t.parents or t in f.parents for t in tested)}
    assert not untested
