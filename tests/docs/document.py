"""The blocks of a document, in its order.

A block is run as printed. What stands in an HTML comment directly above its fence keeps it from that, or goes on behind it:

    <!-- not run: REASON -->              looked at for its syntax alone; REASON begins with one of REASONS
    <!-- not run: needs torch -->         run all the same where transformers and PEFT are installed
    <!-- then: COMMAND -->                a command of the walk that no reader needs: it looks at what a block left, or stops the server

A `console` block without `$ ` is what the block before it prints.
"""

import importlib.util
import os
import re
import textwrap
from pathlib import Path
from typing import NamedTuple, Optional

REASONS = ("needs a hub", "needs a GPU", "needs Docker", "needs a cluster", "needs vLLM", "needs torch", "takes minutes")
FENCE = re.compile(r"\s*```(\w*)$")
MARK = re.compile(r"\s*<!-- (not run|then): (.*) -->$")
HERE_ALREADY = {"needs torch": "ATTUNE_DOCS_VENV" in os.environ and all(map(importlib.util.find_spec, ("torch", "transformers", "peft")))}


class Block(NamedTuple):
    where: str
    language: str
    text: str
    answer: Optional[str] = None
    reason: Optional[str] = None


def blocks(path: Path):
    """The blocks of a file."""
    found, reason = [], None
    lines = enumerate(path.read_text().splitlines(), 1)
    for number, line in lines:
        where = f"{path}:{number}"
        if mark := MARK.match(line):
            assert not reason, f"{where}: the mark above it stands above no block"
            if mark[1] == "then":
                found.append(Block(where, "then", mark[2]))
            else:
                reason = mark[2]
                assert reason.startswith(REASONS), f"{where}: {reason} is none of the reasons {REASONS}"
                reason = None if HERE_ALREADY.get(reason) else reason
        elif fence := FENCE.match(line):
            text = textwrap.dedent("\n".join(inside(lines))) + "\n"
            if fence[1] == "console" and not text.startswith("$ "):
                assert found and found[-1].language in ("sh", "python"), f"{where} is no block's answer"
                found[-1] = found[-1]._replace(answer=text)
            elif fence[1] == "console":
                found += [Block(where, "sh", command, answer, reason) for command, answer in console(text)]
            elif fence[1] != "math":  # A formula is nothing to run.
                found.append(Block(where, fence[1], text, None, reason))
            reason = None
        else:
            assert not reason, f"{where}: the mark above it stands above no block"
    assert not reason, f"{path}: the mark at its end stands above no block"
    return found


def inside(lines):
    """The lines up to the fence that closes the block."""
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line


def console(text):
    """The commands of a console block, each with what it printed."""
    for piece in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", piece)[0]
        yield command, piece[len(command):] or None
