"""Freed memory stays with the process, so that its next tensors need no new pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import torch
from stellate.nn.memory import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory() and keep_freed_memory()
for k in range(40):  # glibc tears the heap a little at first
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(16 * 2**20).fill_(1.0)  # 64 MB
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_no_new_pages_for_a_tensor_as_large_as_one_that_was_freed() -> None:
    def faults(*arguments: str) -> int:
        command = [sys.executable, "-c", COUNT_FAULTS, *arguments]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("keep") < 100  # of 16,384 pages
    assert faults() > 5000
