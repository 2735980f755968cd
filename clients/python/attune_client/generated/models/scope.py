from enum import Enum


class Scope(str, Enum):
    ADMIN = "admin"
    GENERATE = "generate"
    READ = "read"
    TRAIN = "train"

    def __str__(self) -> str:
        return str(self.value)
