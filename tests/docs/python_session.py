"""The Python in which a document's blocks are run: session.py says how it is spoken to."""

import contextlib
import sys
import traceback
from pathlib import Path

names = {"__name__": "__main__"}
print("ready", flush=True)
for line in sys.stdin:
    block = line.strip()
    with open(f"{block}.out", "w") as out, contextlib.redirect_stdout(out):
        try:
            exec(compile(Path(block).read_text(), block, "exec"), names)
        except BaseException:
            Path(f"{block}.err").write_text(traceback.format_exc())
            sys.exit(1)
    print("done", flush=True)
