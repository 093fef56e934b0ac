"""Preparing a checkpoint: its weights brought into one folder with a card that says what they are."""

import logging
from pathlib import Path

from ckptrank.checkpoints import CARD, get_source
from ckptrank.errors import PairFault
from ckptrank.files.atomic import write_json
from ckptrank.files.tries import mark_try

logger = logging.getLogger("ckptrank")
OWN_SOURCES = ("builtin", "scratch")


def prepare_checkpoint(name: str, definition: dict, folder: str | Path) -> None:
    """Write the weights and the card of the checkpoint that a definition describes to a new ``folder``.

    The card is ``failed`` with the reason where they cannot be had. That includes whatever error a
    library raises on files and arguments of others; an error in a source of this project's own is raised.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    card = {
        "checkpoint": name,
        "title": definition.get("title", name),
        "source": definition["source"],
        "kind": definition.get("kind", ""),
        "status": "ok",
        "reason": "",
    }
    try:
        card |= get_source(definition["source"]).prepare(definition, folder)
    except PairFault as fault:
        logger.error("%s", fault)
        card |= {"status": "failed", "reason": f"checkpoint: {fault}"}
        mark_try("checkpoints", name, fault)
    except (OSError, MemoryError):  # this machine's fault, not the checkpoint's
        raise
    except Exception as error:
        if definition["source"] in OWN_SOURCES:
            raise
        logger.exception("its library failed")
        card |= {"status": "failed", "reason": f"checkpoint: {type(error).__name__}: {error}"[:500]}
    write_json(folder / CARD, card)
