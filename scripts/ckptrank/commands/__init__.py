"""Subcommands of ``python -m ckptrank``, a module each.

A module has ``HELP`` (one line), ``add_arguments(parser)`` and ``run(arguments)``, which prints what a
person is to know and raises :class:`~ckptrank.errors.PairFault` with what is wrong. To add one: write the
module and add its name to :data:`COMMANDS`.
"""

COMMANDS = ("new",)
