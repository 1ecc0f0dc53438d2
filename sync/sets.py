"""The sets that two nodes keep equal, by name.

("roster", c)      key records, charter, epochs, assents, sponsors, leaves of coalition c
("coalition", c)   everything else that coalition c shares
("pair", home)     what this neighborhood and `home` share with nobody else
"""

from __future__ import annotations

from typing import Literal, TypeAlias

SetName = Literal["roster", "coalition", "pair"]
SetKey: TypeAlias = tuple[SetName, bytes]
