"""``python -m ckptrank COMMAND``; ``make`` calls it with the right interpreter and ``PYTHONPATH=scripts``."""

import argparse
import importlib
import sys

from ckptrank.commands import COMMANDS
from ckptrank.errors import PairFault


def main(given: list[str] | None = None) -> int:
    """Run the command that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="ckptrank", description="Rank checkpoints for a task.")
    choices = parser.add_subparsers(dest="command", required=True)
    modules = {name: importlib.import_module(f"ckptrank.commands.{name}") for name in COMMANDS}
    for name, module in modules.items():
        command = choices.add_parser(name, help=module.HELP, description=module.__doc__)
        module.add_arguments(command)
    arguments = parser.parse_args(given)
    try:
        modules[arguments.command].run(arguments)
    except PairFault as fault:
        print(f"ckptrank {arguments.command}: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
