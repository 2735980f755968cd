"""Whether an output is like the one that a document prints."""

import re

# What is another one each time: what is left out, ids and digests, dates, numbers with a fraction.
LOOSE = [
    (r"…|\.\.\.", r"[\s\S]*?"),
    (r"\b(?=[0-9a-f-]*[0-9])[0-9a-f]{8}[0-9a-f-]*", r"[0-9a-f-]+"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", r"[\d:.TZ-]+"),
    (r"-?\d+\.\d+(?:e-?\d+)?", r"-?\d+(?:\.\d+)?(?:e-?\d+)?"),
    (r"\s+", r"\s*"),
]
TOKEN = re.compile("|".join(f"(?P<l{number}>{printed})" for number, (printed, _) in enumerate(LOOSE)))


def like(answer: str, output: str) -> bool:
    """Whether the output has the answer somewhere in it."""
    answer, pattern, end = answer.strip(), "", 0
    for token in TOKEN.finditer(answer):
        pattern += re.escape(answer[end:token.start()]) + LOOSE[int(token.lastgroup[1:])][1]
        end = token.end()
    return re.search(pattern + re.escape(answer[end:]), output) is not None
