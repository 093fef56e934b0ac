"""The command ``ckptrank``."""

import argparse
import sys

from ckptrank.errors import PairFault
from ckptrank.measures import command as measures
from ckptrank.scores import command as score
from ckptrank.workflow import answer, new, rank_images

COMMANDS = {"new": new, "rank": rank_images, "answer": answer, "measures": measures, "score": score}


def main(given: list[str] | None = None) -> int:
    """Run the subcommand that the arguments name; return the exit status: 1 for a fault, told on stderr.

    A subcommand is a module with ``HELP``, ``add_arguments(parser)`` and ``run(arguments)``.
    """
    parser = argparse.ArgumentParser(prog="ckptrank", description="Rank checkpoints for a task.")
    parsers = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        subparser = parsers.add_parser(name, help=module.HELP, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(given)
    try:
        arguments.run(arguments)
    except PairFault as fault:
        print(f"ckptrank {arguments.command}: {fault}", file=sys.stderr)
        return 1
    return 0
