"""What every other speaker can be asked for, however it is called there."""
from __future__ import annotations

import re
from pathlib import Path

from .place import V4, V6, US, Place

LARGE = "65001:7:8"  # on what the peer announces
OUR_LARGE = "64512:9:9"  # on what we announce


class Peer:
    """One speaker of one Debian. `root` is where that Debian is; "" for this machine.

    Not every speaker can do every way; lacks() says what it cannot.
    """

    name = ""
    binary = Path()
    # The rows of ways.py by their key: why this speaker cannot take part.
    missing: dict[str, str] = {}
    # What stands once for each path in what show() says.
    path_mark = ""

    def __init__(self, root: str = ""):
        self.root = root

    def installed(self) -> bool:
        return Path(self.root + str(self.binary)).exists()

    def version(self) -> str:
        raise NotImplementedError

    def lacks(self, way) -> str:
        return self.missing.get(way.key, "")

    def attach(self, place: Place, way) -> None:
        self.place, self.way = place, way

    def start(self) -> None:
        """Writes the configuration, starts the daemons and waits until they answer."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends the daemons as a crash would."""
        raise NotImplementedError

    def restart(self) -> None:
        """Starts them again, telling them that it is a restart where they want to be told."""
        self.start()

    def show(self, prefix: str) -> str:
        """All that it says of its route to a prefix; empty without one."""
        raise NotImplementedError

    def count_paths(self, prefix: str) -> int:
        """How many paths from us it has to a prefix."""
        return len(re.findall(self.path_mark, self.show(prefix), re.MULTILINE))

    def refresh(self) -> None:
        """Asks us for our routes again."""
        raise NotImplementedError

    def shut(self, message: str) -> None:
        raise NotImplementedError

    def told(self) -> str:
        """Where the reason of the last failure stands, among other things."""
        raise NotImplementedError

    # --- for those that implement the above -------------------------------------------------------

    def run(self, *command, check: bool = False) -> str:
        return self.place.peer(self.root, *command, check=check)

    def spawn(self, name: str, *command):
        return self.place.start_peer(name, self.root, *command)

    def has_large(self, prefix: str) -> bool:
        """Whether our large community is on it: 64512:9:9, (64512, 9, 9) and [64512, 9, 9] are written."""
        return re.search(r"\b64512(:|, ?)9(:|, ?)9\b", self.show(prefix)) is not None

    def target(self) -> str:
        """Our address, as this way reaches it."""
        return {"v4": V4[0], "v6": V6[0]}.get(self.way.peering) or self.place.link_local(US, "lm-up1")

    def links_local(self) -> bool:
        return self.way.peering in ("unnumbered", "link-local")

    def user(self, name: str) -> tuple[int, int]:
        """The ids of a user of the peer's Debian."""
        for line in Path(self.root + "/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return int(fields[2]), int(fields[3])
        raise KeyError(name)
