"""Print the rankings that a run has made, with what could not be ranked and why."""

import argparse
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.workflow.rank_images import print_answers

HELP = "print the rankings that a run has made"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where `results/` of the run lies")


def run(arguments: argparse.Namespace) -> None:
    """Raise :class:`PairFault` where there is no ranking, or one in which no checkpoint has a rank."""
    if not any((arguments.folder / "results" / "rank").glob("*/ranking.csv")):
        raise PairFault(f"{arguments.folder}: holds no ranking")
    print_answers(arguments.folder)
