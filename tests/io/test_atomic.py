"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stellate.errors import OutputError
from stellate.io import atomic
from stellate.io.atomic import atomic_folder, check_writable


def test_writes_makes_folders_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "a" / "b" / "out.csv"
    with atomic(target) as draft:
        assert draft.parent == target.parent
        assert draft.suffix == ".csv"
        draft.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError, SystemExit])
def test_keeps_the_older_file_whatever_stops_the_writing(tmp_path, stop):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def write():
        with atomic(target) as draft:
            draft.write_text("half")
            raise stop

    with pytest.raises(stop):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk_names_file_folder_and_remedy(tmp_path):
    def write():
        with atomic(tmp_path / "out.csv") as draft:
            draft.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        OutputError, match=r"cannot write out.csv into .*the disk is full; free some space"
    ) as caught:
        write()
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_other_system_errors_pass(tmp_path):
    def write():
        with atomic(tmp_path / "out.csv"):
            raise OSError(errno.EIO, "a broken disk")

    with pytest.raises(OSError, match="a broken disk") as caught:
        write()
    assert not isinstance(caught.value, OutputError)


def test_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "results").write_text("")
    target = tmp_path / "results" / "deeper" / "out.csv"
    with pytest.raises(OutputError, match="part of the path is a file"), atomic(target):
        pass


def test_a_folder_is_tried_before_long_work(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "results").write_text("")
    for place in (tmp_path / "results", tmp_path / "results" / "deeper"):
        with pytest.raises(
            OutputError, match=r"cannot write into .*part of the path is a file, not a folder"
        ):
            check_writable(place)
    assert [f.name for f in tmp_path.iterdir()] == ["results"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can write")
def test_folders_that_cannot_be_made(tmp_path):
    with pytest.raises(OutputError, match="cannot write into /proc/none: "):
        check_writable("/proc/none")
    with (
        pytest.raises(OutputError, match=r"cannot write out\.csv into /proc/none: "),
        atomic("/proc/none/out.csv"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file size on Windows")
def test_a_real_limit_of_the_system(tmp_path):
    """The system itself refuses to write beyond 4 KiB: the message comes, and nothing is left."""
    code = f"""
        import resource, signal
        import numpy as np
        from stellate.errors import OutputError
        from stellate.io import write_labels
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        labels = np.random.default_rng(0).integers(0, 60000, (300, 300))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_labels({str(tmp_path / "big.tif")!r}, labels)
        except OutputError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert "cannot write big.tif into" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_at_once_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "a" / "out"
    for content in ("first", "second"):
        with atomic_folder(target, replace=content == "second") as draft:
            (draft / "inner").mkdir()
            (draft / "inner" / f"{content}.txt").write_text(content)
            assert draft.parent == target.parent
            assert not (target / "inner" / f"{content}.txt").exists()
        assert [f.name for f in (target / "inner").iterdir()] == [f"{content}.txt"]
        assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "full")])
def test_keeps_the_older_folder_whatever_stops_the_writing(tmp_path, stop):
    old = tmp_path / "old"
    old.mkdir()
    (old / "a.txt").write_text("old")

    def write(target):
        with atomic_folder(target, replace=True) as draft:
            (draft / "a.txt").write_text("half")
            raise stop

    for target in (old, tmp_path / "new"):
        with pytest.raises(OutputError if isinstance(stop, OSError) else stop):
            write(target)
    assert [f.name for f in tmp_path.iterdir()] == ["old"]
    assert (old / "a.txt").read_text() == "old"


def test_puts_the_older_folder_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.mkdir()
    (old / "a.txt").write_text("old")
    rename = Path.rename

    def fail(self, target):
        if self.suffix == ".part":
            raise PermissionError(errno.EACCES, "a file is open")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with (
        pytest.raises(OutputError, match="no permission to write there, or another program holds"),
        atomic_folder(old, replace=True),
    ):
        pass
    assert [f.name for f in tmp_path.iterdir()] == ["old"]
    assert (old / "a.txt").read_text() == "old"


def test_folders_that_are_not_to_be_replaced(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("old")
    for target in (tmp_path / "full", tmp_path / "full" / "a.txt"):
        with pytest.raises(OutputError, match="is there already; name another folder"), atomic_folder(target):
            pass
    with pytest.raises(OutputError, match="is there already"), atomic_folder(target, replace=True):
        pass
    assert (tmp_path / "full" / "a.txt").read_text() == "old"
    with pytest.raises(OutputError, match=r"part of the path is a file"), atomic_folder(target / "b"):
        pass
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty") as draft:
        (draft / "a.txt").write_text("new")
    assert (tmp_path / "empty" / "a.txt").read_text() == "new"
