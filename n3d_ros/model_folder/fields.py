"""One JSON object of a model folder, read field by field with its type: a boolean is no number, text no id.

In: the object and the name of its file. Out: values of the asked type, or ModelFolderError that names file,
field, what was expected and what came. It does not know which fields there are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from n3d_ros.errors import ModelFolderError
from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, read_object

# No size of a model comes near; tokens, rows and pixels of all runtimes are counted in 32 or 64 bits.
MAX_COUNT = 1 << 31
# Instead of a default: the field must be there.
REQUIRED = object()


def read_fields(path: Path) -> Fields:
    """The object in a JSON file. ModelFolderError for all else."""
    try:
        return Fields(read_object(path), str(path))
    except JsonError as error:
        raise ModelFolderError(f"{path}: expected JSON with an object, got {error}") from error


@dataclass(frozen=True)
class Fields:
    """`values` as parsed; `where` names them in errors. A default answers for a field that is absent."""

    values: Mapping[str, Any]
    where: str

    def count(self, name: str, default: Any = REQUIRED, least: int = 1) -> int:
        """A whole number from `least` to MAX_COUNT."""
        return self._count(name, self.get(name, default), least)

    def counts(self, name: str, default: Any = REQUIRED, least: int = 0) -> tuple[int, ...]:
        """A list of whole numbers."""
        found = self.get(name, default)
        if not isinstance(found, (list, tuple)):
            self.refuse(name, "a list of whole numbers", found)
        return tuple(self._count(name, value, least) for value in found)

    def number(self, name: str, default: Any = REQUIRED) -> float:
        """A finite number above 0."""
        found = self.get(name, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < math.inf:
            self.refuse(name, "a number above 0", found)
        return float(found)

    def flag(self, name: str, default: Any = REQUIRED) -> bool:
        found = self.get(name, default)
        if not isinstance(found, bool):
            self.refuse(name, "true or false", found)
        return bool(found)

    def text(self, name: str, default: Any = REQUIRED) -> str:
        found = self.get(name, default)
        if not isinstance(found, str):
            self.refuse(name, "text", found)
        return str(found)

    def texts(self, name: str, default: Any = REQUIRED) -> tuple[str, ...]:
        """A list of texts."""
        found = self.get(name, default)
        if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
            self.refuse(name, "a list of texts", found)
        return tuple(found)

    def choice(self, name: str, choices: Sequence[Any], default: Any = REQUIRED) -> Any:
        """One of `choices`; 1 and true are two things."""
        found = self.get(name, default)
        if not any(type(found) is type(one) and found == one for one in choices):
            expected = repr(choices[0]) if len(choices) == 1 else f"one of {tuple(choices)}"
            self.refuse(name, expected, found)
        return found

    def section(self, name: str, default: Any = REQUIRED) -> Fields:
        """An object inside this one."""
        found = self.get(name, default)
        if not isinstance(found, Mapping):
            self.refuse(name, "an object", found)
        return Fields(found, f"{self.where}: {name}")

    def only(self, names: Collection[str]) -> Fields:
        """These fields, after a look that there are no others."""
        for name in self.values:
            if name not in names:
                raise ModelFolderError(f"{self.where}: expected no field {shown(name)}, found one")
        return self

    def get(self, name: str, default: Any = REQUIRED) -> Any:
        """The value as it is."""
        if name not in self.values and default is REQUIRED:
            raise ModelFolderError(f"{self.where}: expected the field '{name}', found none")
        return self.values.get(name, default)

    def refuse(self, name: str, expected: str, got: Any) -> NoReturn:
        """ModelFolderError about a field."""
        raise ModelFolderError(f"{self.where}: {name}: expected {expected}, got {shown(got)}")

    def _count(self, name: str, found: Any, least: int) -> int:
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found < MAX_COUNT:
            self.refuse(name, f"a whole number from {least} to {MAX_COUNT - 1}", found)
        return int(found)
