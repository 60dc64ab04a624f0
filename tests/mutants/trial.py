"""``python -m tests.mutants.trial``, inside a copy of the house: plays games, and says what the oracle found.

Reads a `Task` as JSON from standard input, writes a `Verdict` as JSON. Ends as soon as a violation is of a kind that is
waited for. Knows nothing of mutants: whether the code around it is whole is not its business.
"""

import sys
import traceback
from pathlib import Path

import msgspec

import bot
import dialogs
import services
from tests.simulation import standing
from tests.simulation.episode import SKIES, play
from tests.simulation.world import Weather


class Game(msgspec.Struct, frozen=True):
    """One episode; an empty ``sky`` means the usual ones."""

    seed: int
    steps: int
    sky: dict[str, float | str] = {}
    kind: str = ""  # "standing": months of autopay, and nothing else


class Task(msgspec.Struct, frozen=True):
    games: tuple[Game, ...]
    until: tuple[str, ...] = ()  # parts of violations, any of which is the end


class Played(msgspec.Struct, frozen=True):
    game: Game
    steps: int
    violations: tuple[str, ...]

    def shows(self, kinds: tuple[str, ...]) -> str:
        """The first violation of one of these kinds, or ""."""
        return next((each for each in self.violations if any(kind in each for kind in kinds)), "")


class Verdict(msgspec.Struct, frozen=True):
    played: tuple[Played, ...]
    broke: str = ""  # the simulation itself could not go on: nothing is proved by that


def judge(task: Task) -> Verdict:
    """Play the games one after the other."""
    played: list[Played] = []
    for game in task.games:
        skies = (Weather(**game.sky),) if game.sky else SKIES  # type: ignore[arg-type]  # as the mutant says
        try:
            outcome = standing.play(game.seed) if game.kind else play(game.seed, game.steps, skies)
        except Exception as error:  # noqa: BLE001  # whatever the sabotage broke, the one who waits hears of it
            where = traceback.extract_tb(error.__traceback__)[-1]
            return Verdict(tuple(played), f"{type(error).__name__} in {Path(where.filename).name}: {error}")
        played.append(Played(game, outcome.steps, outcome.violations))
        if played[-1].shows(task.until):
            break
    return Verdict(tuple(played))


def main() -> None:
    here = Path.cwd().resolve()
    for part in (bot, dialogs, services):
        home = Path(next(iter(part.__path__))).resolve()
        if home.parent != here:
            raise SystemExit(f"{part.__name__} comes from another house than the one to be tried")
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(judge(task)) + b"\n")


if __name__ == "__main__":
    main()
