"""A switch with VLANs, for labs on kernels without 802.1Q: hosts on access ports, a router on the trunk.

    trunk TAP (in the router's namespace, all tags)  ──  this process  ──  a TAP in each host's namespace (no tags)

    vlan_switch.py NAMESPACE:TAP NAMESPACE:TAP=TAGS[>TAGS] …

TAGS are what frames have on the trunk, the outer tag first, in hexadecimal: `8100:0002`, `88a8:0064+8100:0014`, or nothing.
Behind `>` stand those of what the host sends, if they are others. Ports with the same tags are a hub. It reads commands from
standard input, one a line, and ends with it:

    delay TAP SECONDS   hold back what a host sends from now on
    inject HEX          a frame for the router, as it is
    seen                answers with {TAGS: frames} of what the router sent, as JSON
"""
import collections
import ctypes
import fcntl
import heapq
import json
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
MACS, TAG, LONGEST = 12, 4, 16384
TAG_TYPES = (0x8100, 0x88A8)
libc = ctypes.CDLL(None, use_errno=True)


def open_tap(namespace, name):
    """Makes the interface in that namespace; it lives as long as the descriptor."""
    space = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(space, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    os.close(space)
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def tags_of(text):
    return bytes.fromhex(text.replace("+", "").replace(":", ""))


def split(frame):
    """Tags of a frame, and the frame without them."""
    at = MACS
    while len(frame) >= at + TAG + 2 and int.from_bytes(frame[at : at + 2], "big") in TAG_TYPES:
        at += TAG
    return frame[MACS:at], frame[:MACS] + frame[at:]


def words(tags):
    return "+".join(f"{tags[i:i + 2].hex()}:{tags[i + 2:i + 4].hex()}" for i in range(0, len(tags), TAG))


def write(tap, frame):
    try:
        os.write(tap, frame)
    except OSError:
        pass  # the interface is down: the frame is lost, as on a wire


class Host:
    def __init__(self, text):
        place, _, tags = text.partition("=")
        namespace, self.name = place.split(":", 1)
        received, _, sent = tags.partition(">")
        self.received, self.sent = tags_of(received), tags_of(sent or received)
        self.delay = 0.0
        self.tap = open_tap(namespace, self.name)


class Switch:
    def __init__(self, trunk, hosts):
        self.trunk = open_tap(*trunk.split(":", 1))
        self.hosts = [Host(text) for text in hosts]
        self.by_name = {text.partition("=")[0]: host for text, host in zip(hosts, self.hosts)}
        self.seen = collections.Counter()
        self.late = []  # heap of (when, number, frame)
        self.number = 0
        self.commands = b""

    def from_router(self):
        frame = os.read(self.trunk, LONGEST)
        tags, untagged = split(frame)
        self.seen[words(tags)] += 1
        for host in self.hosts:
            if host.received == tags:
                write(host.tap, untagged)

    def from_host(self, host):
        frame = os.read(host.tap, LONGEST)
        tagged = frame[:MACS] + host.sent + frame[MACS:]
        if host.delay == 0:
            return write(self.trunk, tagged)
        self.number += 1
        return heapq.heappush(self.late, (time.monotonic() + host.delay, self.number, tagged))

    def command(self):
        """False at the end of the input."""
        got = os.read(0, 65536)
        if not got:
            return False
        *lines, self.commands = (self.commands + got).split(b"\n")
        for line in lines:
            verb, *rest = line.decode().split()
            if verb == "delay":
                self.by_name[rest[0]].delay = float(rest[1])
            elif verb == "inject":
                write(self.trunk, bytes.fromhex(rest[0]))
            elif verb == "seen":
                print(json.dumps(self.seen), flush=True)
        return True

    def run(self):
        readers = {self.trunk: self.from_router}
        for host in self.hosts:
            readers[host.tap] = lambda host=host: self.from_host(host)
        print("ready", flush=True)
        while True:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else None
            for fd in select.select([0, *readers], [], [], wait)[0]:
                if fd == 0:
                    if not self.command():
                        return
                    continue
                try:
                    readers[fd]()
                except BlockingIOError:
                    pass
                except OSError:
                    time.sleep(0.001)  # the interface is down
            while self.late and self.late[0][0] <= time.monotonic():
                write(self.trunk, heapq.heappop(self.late)[2])


if __name__ == "__main__":
    Switch(sys.argv[1], sys.argv[2:]).run()
