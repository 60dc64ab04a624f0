"""`remit help-search`: which article answers a question, as JSON lines, for whoever measures or tries it.

What it answers is what the chat and the help pages answer; no server needs to run.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.help_articles import find, help_centers
from bot.settings import Settings
from dialogs.help_center import HelpCenter
from services.errors import Misconfigured


def search(centers: Mapping[str, HelpCenter], asked: Mapping[str, Any]) -> dict[str, Any]:
    """``{text, lang?}`` -> ``{text, article, score}``. Without ``lang``, every language is tried.

    ``article`` is null when there is no answer; the score is the belief in it then, from 0 to 1. Raises KeyError
    without a text.
    """
    text, language = str(asked["text"]), asked.get("lang")
    found = find(centers, text, language if isinstance(language, str) else None)
    if found is None:
        doubts = [each.score for center in centers.values() for each in center.search(text, 1)]
        return {"text": text, "article": None, "score": max(doubts, default=0.0)}
    return {"text": text, "article": found.article.topic, "score": found.score}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    answered = commands.add_parser(
        "help-search", help="JSON lines {text, lang?} and the help article that answers each"
    )
    answered.add_argument("--folder", type=Path, help="of your own articles")
    answered.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Answer each line of standard input with one line; a line that is no JSON object with a text ends it with an error."""
    del settings
    folder: Path | None = options.folder
    centers = help_centers(folder)
    for place, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            answer = search(centers, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(f"line {place}: expected a JSON object with a text: {error}") from error
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0
