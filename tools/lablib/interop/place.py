"""Where one session is tried: two namespaces, a link between them, a folder, and what runs there.

A peer may come from another Debian, by chroot. It runs in a mount namespace of its own in either case, with its /run and
/etc/frr in the folder, so that nothing of it is left on the machine and several places exist beside each other.
"""
from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from ..netns import OFFLOADS, SYSCTLS, LabError

US, PEER = "us", "peer"
V4, V6 = ("192.0.2.1", "192.0.2.2", 30), ("2001:db8:ff::1", "2001:db8:ff::2", 64)
SENT_V4, SENT_V6 = "10.9.0.0/16", "2001:db8:9::/48"  # what the peer announces
SENDER_V4, SENDER_V6 = "10.9.0.1", "2001:db8:9::1"  # an address of each, which answers pings
OWN_V4, OWN_V6 = "10.0.1.1/32", "2001:db8:1::1/128"  # what we announce

# root ("" is this machine), folder, command...
ENTER = """\
set -e
root=$1 folder=$2
shift 2
if [ -n "$root" ]; then
  mount --bind "$root" "$root"
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/tmp"
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
fi
[ ! -d "$root/etc/frr" ] || mount --bind "$folder/etc" "$root/etc/frr"
mount --bind "$folder/run" "$root/run"
exec chroot "${root:-/}" "$@"
"""
_numbers = itertools.count(1)


def run(*command, check: bool = True, timeout: float = 30) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command[-6:]))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Place:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lmiop-"))
        self.folder.chmod(0o755)
        for name in ("run", "etc"):
            (self.folder / name).mkdir()
        tag = f"{os.getpid()}-{next(_numbers)}"
        self.names = {US: f"lmiop-us-{tag}", PEER: f"lmiop-peer-{tag}"}
        self.processes: dict[str, subprocess.Popen] = {}

    def build(self, addresses: list[str]) -> None:
        """`addresses`: of the peer's end of the link. FRR would guess an unnumbered neighbor's from them."""
        for space, name in self.names.items():
            run("ip", "netns", "add", name)
            for key, value in SYSCTLS.items():
                self.inside(space, "sysctl", "-qw", f"{key}={value}", check=False)
            self.inside(space, "ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "up1", "netns", self.names[US], "type", "veth",
            "peer", "name", "eth1", "netns", self.names[PEER])  # fmt: skip
        for space, interface in ((US, "up1"), (PEER, "eth1")):
            self.inside(space, "ethtool", "-K", interface, *OFFLOADS, check=False)
            self.inside(space, "ip", "link", "set", interface, "up")
        for address in addresses:
            self.inside(PEER, "ip", "address", "add", address, "dev", "eth1")
        for address in (f"{SENDER_V4}/32", f"{SENDER_V6}/128"):
            self.inside(PEER, "ip", "address", "add", address, "dev", "lo")

    # --- commands and processes -------------------------------------------------------------------

    def inside(self, space: str, *command, **how) -> str:
        return run("ip", "netns", "exec", self.names[space], *command, **how)

    def entered(self, root: str, *command) -> list[str]:
        """The command line that runs a command of the peer's."""
        return ["ip", "netns", "exec", self.names[PEER], "unshare", "--mount", "--propagation", "private",
                "sh", "-c", ENTER, "sh", root, str(self.folder), *map(str, command)]  # fmt: skip

    def peer(self, root: str, *command, **how) -> str:
        return run(*self.entered(root, *command), **how)

    def start(self, name: str, command: list) -> subprocess.Popen:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.processes[name]

    def start_us(self, name: str, *command) -> subprocess.Popen:
        return self.start(name, ["ip", "netns", "exec", self.names[US], *command])

    def start_peer(self, name: str, root: str, *command) -> subprocess.Popen:
        return self.start(name, self.entered(root, *command))

    def kill(self, name: str) -> None:
        """As a crash would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def all_run(self) -> bool:
        """True; LabError if something that we started has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise LabError(f"{name} ended: {self.log(name).strip().splitlines()[-1:]}")
        return True

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def link_local(self, space: str, interface: str) -> str:
        for line in json.loads(self.inside(space, "ip", "-j", "-6", "address", "show", "dev", interface)):
            for address in line.get("addr_info", []):
                if address.get("scope") == "link":
                    return address["local"]
        raise LabError(f"{interface} has no link-local address")

    def remove(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        known = run("ip", "netns", "list", check=False).split()
        for name in self.names.values():
            if name not in known:
                continue
            # Children of a daemon that was killed: nobody else's processes are in there.
            for pid in run("ip", "netns", "pids", name, check=False).split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
            run("ip", "netns", "delete", name, check=False)
        time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)
