"""A copy of the house in a temporary folder: one mutant at a time is made in it, played, and taken back."""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .catalogue import HOUSE, Mutant
from .trial import Task, Verdict

_PARTS = ("bot", "config", "dialogs", "services", "tests/simulation", "tests/mutants")
_FILES = ("tests/__init__.py", "tests/databases.py", "tests/servers.py", "tests/tools.py", "tests/ledger/conftest.py")
_SKIP = shutil.ignore_patterns("__pycache__", "*.toml.bak")


class Copy:
    """One copy, for one mutant at a time. Close it at the end."""

    def __init__(self, original: Path = HOUSE) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="remit-mutant-")
        self.house = Path(self._folder.name)
        for part in _PARTS:
            shutil.copytree(original / part, self.house / part, ignore=_SKIP)
        for file in _FILES:
            (self.house / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(original / file, self.house / file)
        # by hash, not by time: a file changed within the same second is compiled again, every other one is not
        by_hash = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.house, quiet=2, invalidation_mode=by_hash)

    def close(self) -> None:
        """Let go of the folder."""
        self._folder.cleanup()

    @contextmanager
    def broken_by(self, mutant: Mutant) -> Iterator[None]:
        """With the mutant in it. Raises `ValueError` when it does not fit; the copy is whole again afterwards."""
        before: dict[Path, str] = {}
        try:
            for edit in mutant.edits:
                file = self.house / edit.file
                before.setdefault(file, file.read_text(encoding="utf-8"))
                file.write_text(edit.made(self.house), encoding="utf-8")
            yield
        finally:
            for file, text in before.items():
                file.write_text(text, encoding="utf-8")

    def play(self, task: Task, seconds: float) -> Verdict:
        """What a fresh process of this copy finds, within so many seconds."""
        command = [sys.executable, "-B", "-m", "tests.mutants.trial"]
        whereabouts = {**os.environ, "PYTHONPATH": str(self.house)}
        try:
            ended = subprocess.run(
                command,
                input=msgspec.json.encode(task),
                capture_output=True,
                cwd=self.house,
                env=whereabouts,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict((), f"did not end within {seconds:.0f} s")
        if ended.returncode:
            last = ended.stderr.decode(errors="replace").strip().splitlines()
            return Verdict((), f"did not run: {last[-1] if last else ended.returncode}")
        return msgspec.json.decode(ended.stdout, type=Verdict)
