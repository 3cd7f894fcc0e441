"""Faults of a link: down, which both ends see, and silent loss, which neither does."""
from __future__ import annotations

from contextlib import ExitStack, contextmanager

from .netns import Lab

TABLE = "lastmile_lab_loss"
# Before everything else that looks at frames.
PRIORITY = -500


@contextmanager
def link_down(lab: Lab, node: str, interface: str):
    """The interface is down while the block runs."""
    lab.run(node, "ip", "link", "set", interface, "down")
    try:
        yield
    finally:
        lab.run(node, "ip", "link", "set", interface, "up")


@contextmanager
def silent_loss(lab: Lab, node: str, interface: str):
    """Frames vanish in both directions while the block runs; the link stays up at both ends."""
    # One transaction: both directions at the same moment.
    with _dropped(lab, node, interface, ("ingress", "egress")):
        yield


@contextmanager
def silent_loss_between(lab: Lab, ends: tuple[tuple[str, str], tuple[str, str]]):
    """The same for a link whose ends (node, interface) both belong to routers that take frames before the kernel's
    own filter sees them: each end loses what it sends."""
    with ExitStack() as muted:
        for node, interface in ends:
            muted.enter_context(_dropped(lab, node, interface, ("egress",)))
        yield


@contextmanager
def _dropped(lab: Lab, node: str, interface: str, hooks: tuple[str, ...]):
    chains = "; ".join(
        f"add chain netdev {TABLE} {hook} {{ type filter hook {hook} device {interface}"
        f" priority {PRIORITY}; policy drop; }}"
        for hook in hooks
    )
    lab.run(node, "nft", f"add table netdev {TABLE}; {chains}")
    try:
        yield
    finally:
        lab.run(node, "nft", f"delete table netdev {TABLE}")
