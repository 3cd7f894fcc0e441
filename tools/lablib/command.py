"""The last-mile fabric in network namespaces, with real FRR leaves.

  sudo tools/lab demo                 set up, build, start, and show what it does, with figures
  sudo tools/lab demo --servers frr   the same steps with FRR + kernel on the servers
  sudo tools/lab demo --leaves lastmile
                                      the same with Lastmile on the leaves, and FRR on the servers
  sudo tools/lab up [--servers KIND] [--leaves KIND]
                                      start the fabric and leave it running
  sudo tools/lab status               what runs, and which sessions are up
  sudo tools/lab shell NODE           a shell in a node (spine1 leaf1 leaf2 bms1 bms2 legacy)
  sudo tools/lab down                 remove everything that the lab made
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
sys.path[0] = str(TOOLS)

from lablib import demo, fabric, lastmile, leaves, servers, topology  # noqa: E402
from lablib.netns import Lab, LabError  # noqa: E402


def prepare(kinds: set[str]) -> None:
    """Installs and builds what a demo needs, if it is not there yet."""
    subprocess.run([TOOLS / "setup", "--lab"], check=True)
    if "lastmile" in kinds and "LASTMILE_BUILD" not in os.environ:
        subprocess.run([TOOLS / "build"], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prefix", default="lm", help="prefix of the namespaces' names")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in ("demo", "up"):
        sub = verbs.add_parser(verb)
        sub.add_argument("--leaves", choices=sorted(leaves.KINDS), default="frr")
        sub.add_argument(
            "--servers", choices=sorted(servers.KINDS), help="default: lastmile; frr if the leaves are lastmile"
        )
        if verb == "demo":
            sub.add_argument("--keep", action="store_true", help="leave the fabric running")
            sub.add_argument("--json", metavar="FILE", help="write the figures to FILE")
            sub.add_argument("--no-prepare", action="store_true", help="neither set up nor build")
    verbs.add_parser("down")
    verbs.add_parser("status")
    verbs.add_parser("shell").add_argument("node", metavar="NODE")
    arguments = parser.parse_args()

    if os.geteuid() != 0:
        print("tools/lab: network namespaces need root; run it with sudo", file=sys.stderr)
        return 1
    lab = Lab(arguments.prefix)
    if arguments.verb in ("demo", "up"):
        kind = arguments.servers or leaves.KINDS[arguments.leaves].default_servers
    try:
        if arguments.verb == "demo":
            if not arguments.no_prepare:
                prepare({kind, arguments.leaves})
            return demo.main(lab, kind, arguments.leaves, arguments.keep, arguments.json)
        if arguments.verb == "up":
            up(lab, kind, arguments.leaves)
            print(fabric.status(lab))
        elif arguments.verb == "down":
            lab.remove()
        elif arguments.verb == "status":
            print(fabric.status(lab))
        else:
            return fabric.shell(lab, arguments.node)
    except (LabError, KeyError) as error:
        print(f"tools/lab: {error.args[0]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def up(lab: Lab, kind: str, leaf_kind: str) -> None:
    existed = lab.exists()
    try:
        fabric.up(lab, leaf_kind)
        fabric.watch_servers(lab, leaf_kind)
        for node in topology.servers():
            servers.KINDS[kind](lab).start(node)
    except BaseException:
        if not existed:
            lab.remove()
        raise


if __name__ == "__main__":
    sys.exit(main())
