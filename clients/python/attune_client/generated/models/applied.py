from enum import Enum


class Applied(str, Enum):
    MERGED = "merged"
    NONE = "none"
    UNMERGED = "unmerged"

    def __str__(self) -> str:
        return str(self.value)
