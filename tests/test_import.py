"""What importing costs, and that every public name and module can be imported."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import stellate

STUB = Path(stellate.__file__).with_suffix(".pyi")
HEAVY = ("torch", "numba", "scipy", "skimage", "matplotlib", "pandas", "lightning", "numpy")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_loads_nothing_heavy() -> None:
    code = f"import stellate, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_import_takes_less_than_a_fifth_of_a_second() -> None:
    """Processor time, so that a busy machine does not count."""
    code = "import time; t = time.process_time(); import stellate; print(time.process_time() - t)"
    assert min(float(run(code)) for _ in range(3)) < 0.2


def test_help_is_quick_and_free_of_torch() -> None:
    """Less than half a second of processor time, that of starting Python included."""
    code = (
        "import sys, time; sys.argv = ['stellate', '--help']\n"
        "from stellate.cli.main import main\n"
        "code = main()\n"
        "heavy = [m for m in ('torch', 'numba', 'lightning') if m in sys.modules]\n"
        "print('END', code, heavy, time.process_time(), sep='|')"
    )
    seconds = []
    for _ in range(3):
        text, _, end = run(code).rpartition("END|")
        status, heavy, spent = end.split("|")
        assert "predict" in text
        assert (status, heavy) == ("0", "[]")
        seconds.append(float(spent))
    # the virus scanners of hosted Windows machines look at every file that is opened
    assert min(seconds) < (0.5 if sys.platform == "linux" else 2.0)


def test_every_module_can_be_imported() -> None:
    names = [
        m.name for m in pkgutil.walk_packages(stellate.__path__, "stellate.") if "__main__" not in m.name
    ]
    assert {"stellate.axes", "stellate.cli.main", "stellate.models.stardist"} <= set(names)
    for name in names:
        importlib.import_module(name)


def test_every_public_name_can_be_had() -> None:
    for name in stellate.__all__:
        assert getattr(stellate, name) is not None


def test_the_stub_and_the_package_name_the_same() -> None:
    """A type checker reads the stub, Python the package; `__all__` of both and the stub's imports agree."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imported = {
        a.asname: (n.module, a.name) for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
    }
    (listed,) = (ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign))
    assert sorted(listed) == sorted(stellate.__all__)
    assert set(imported) | {"__version__"} == set(stellate.__all__)
    for public, (module, name) in imported.items():
        home = importlib.import_module(f"stellate.{module}")
        assert getattr(stellate, public) is getattr(home, name), public


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        stellate.segment  # noqa: B018
    assert "predict" in dir(stellate)
