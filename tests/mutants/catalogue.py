"""The mutants as they are written down, and whether each still fits the code that it breaks. Nothing runs here."""

from pathlib import Path
from typing import Literal

import msgspec

HERE = Path(__file__).parent
HOUSE = HERE.parents[1]


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place of one file; ``old`` stands there exactly once, or the mutant means nothing any more."""

    file: str
    old: str
    new: str

    def made(self, house: Path) -> str:
        """The text of the file with the edit. Raises `ValueError` when ``old`` is not there exactly once."""
        text = (house / self.file).read_text(encoding="utf-8")
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} holds {times} times: {self.old!r}")
        return text.replace(self.old, self.new)


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bug that somebody could write."""

    name: str
    wrong: str  # what they would have got wrong, in a sentence
    expects: tuple[str, ...]  # parts of the violations' sentences; any of them catches it
    edits: tuple[Edit, ...]
    seed: int = 1  # the first that is tried; chosen by a search, so that it is caught soon
    game: Literal["", "standing"] = (
        ""  # which one it is played in; "": the whole house, else `tests.simulation` has its file
    )
    sky: dict[str, float | str] = {}  # weather in which it shows; none: the usual skies
    absorbed: str = ""  # what makes it harmless wherever the simulation looks; then it is not played
    open: str = ""  # how far it was looked for in vain, and who might see it; then it does not count as proved
    quick: bool = False  # among those that `make test` plays

    @property
    def counts(self) -> bool:
        """Whether it is one of those that have to be caught."""
        return not (self.absorbed or self.open)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mutant: tuple[Mutant, ...]


def every() -> tuple[Mutant, ...]:
    """All mutants, in the order of their files. Raises `msgspec.ValidationError` for one that is not well-formed."""
    files = sorted(HERE.glob("*.toml"))
    found = tuple(each for file in files for each in msgspec.toml.decode(file.read_bytes(), type=_File).mutant)
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        raise ValueError("two mutants have the same name")
    return found


def misfits(mutants: tuple[Mutant, ...], house: Path = HOUSE) -> list[str]:
    """What no longer fits the code, a sentence each: the code was changed, and the mutant has to follow."""
    found = []
    for mutant in mutants:
        for edit in mutant.edits:
            try:
                edit.made(house)
            except (ValueError, OSError) as error:
                found.append(f"{mutant.name}: {error}")
    return found
