from enum import Enum


class AdapterKind(str, Enum):
    GENERATED = "generated"
    IMPORTED = "imported"
    TRAINED = "trained"

    def __str__(self) -> str:
        return str(self.value)
