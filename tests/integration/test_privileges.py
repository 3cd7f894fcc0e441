"""A router that has left root behind still does all that it did, and holds what docs/security.md says, in every thread.

    leaf1 (opens its connection, signed by TCP MD5) ── up1 ┐
                                                           srv (Lastmile, as a user)
    leaf2 (waits for ours) ── up2 ─────────────────────────┘
"""
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import scripted_leaf as bgp
from lablib import lastmile
from lablib.netns import ended, wait_for
from leaves import LEAF_ADDRESS, SERVER, LeafLab

USER = pwd.getpwnam("daemon")
CAPABILITIES = 1 << 12 | 1 << 13  # CAP_NET_ADMIN, CAP_NET_RAW
IPC_LOCK = 1 << 14  # CAP_IPC_LOCK, of the thread that opens devices while the router runs
PASSWORD = "correct horse"
# The machine's own stays root's.
OWN_RUN = ("sh", "-c", 'mkdir -p /run/lastmile && mount -t tmpfs -o mode=0755 none /run/lastmile && exec "$0" "$@"')


@pytest.fixture
def lab():
    # Not under pytest's own folder, which is closed to all but root.
    folder = Path(tempfile.mkdtemp(prefix="lmpriv-"))
    folder.chmod(0o755)
    made = LeafLab(folder, 2)
    try:
        made.build()
        yield made
    finally:
        made.remove()
        shutil.rmtree(folder)


def threads(pid: int) -> dict[str, dict[str, str]]:
    """/proc/PID/task/TID/status of each thread, by its number."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found[task.name] = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return found


def configuration(lab, secret: Path) -> dict:
    config = lab.config(
        system={"user": USER.pw_name},
        services=[
            {"name": name, "address": f"192.168.0.{last}", "check": {"exec": command, "rise": 1, "every": "2s", "timeout": "2s"}}
            for name, last, command in (
                ("who", 250, ["/usr/bin/id", "-u"]),
                ("looks", 251, [str(lastmile.BUILD / "lastmile"), "--socket", str(lab.socket), "version"]),
                ("changes", 252, [str(lastmile.BUILD / "lastmile"), "--socket", str(lab.socket), "service", "who", "down"]),
            )
        ],
    )
    config["control"] |= {"group": "daemon", "read-group": "bin"}
    signed, _ = config["bgp"]["neighbors"]
    signed |= {"address": LEAF_ADDRESS, "password-file": str(secret)}
    return config


def lastmile_as(lab, group: str, *words: str) -> subprocess.CompletedProcess:
    """As somebody who is in one group of the machine."""
    return subprocess.run(
        ["setpriv", "--reuid", "12345", "--regid", "nogroup", "--groups", group, lastmile.BUILD / "lastmile",
         "--socket", lab.socket, *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_all_works_with_two_capabilities(lab):
    secret = lab.folder / "secret"
    secret.write_text(PASSWORD + "\n")
    os.chown(secret, 0, USER.pw_gid)
    secret.chmod(0o640)
    config = configuration(lab, secret)
    settings = lab.run(SERVER, "sh", "-c", "cat /proc/sys/net/ipv6/conf/up1/disable_ipv6; ip -o -6 address show up1")
    lab.start_server(config, *OWN_RUN)
    pid = lab.processes[-1].pid  # each command on the way to it has become the next one
    lab.start_leaf("leaf1", "active", "--password", PASSWORD)
    lab.start_leaf("leaf2", "passive")
    wait_for("both sessions", lambda: len(lab.established()) == 2)

    # What it holds, as the kernel has it and as the router says it.
    everything = threads(pid)
    for thread, status in everything.items():
        assert set(status["Uid"].split()) == {str(USER.pw_uid)}, status
        assert set(status["Gid"].split()) == {str(USER.pw_gid)}, status
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        # What the control thread and those that it starts hold; threads from before have nothing.
        at_home = status["Name"] == "lm-home"
        works = thread == str(pid) or at_home or status["Name"].startswith("lm-worker")
        most = CAPABILITIES | (IPC_LOCK if at_home else 0)
        expected = most if works else 0
        assert int(status["CapPrm"], 16) | most == most, status
        assert int(status["CapEff"], 16) & expected == expected, status
        assert int(status["CapAmb"], 16) == int(status["CapInh"], 16) == 0, status
    assert any(s["Name"].startswith("lm-worker") for s in everything.values())
    assert int(everything[str(pid)]["CapBnd"], 16) == 0
    shown = lab.show("privileges")
    assert shown["user"] == USER.pw_name and shown["filtered"] and shown["no_new_privileges"]
    assert shown["capabilities"] == ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK"]

    # Health checks run programs, as the same user.
    def check(name: str) -> dict:
        return next((service for service in lab.show("services").get("services", []) if service["name"] == name), {})

    wait_for("the check passes", lambda: check("who").get("state") == "up")
    assert check("who")["last_check"]["detail"] == str(USER.pw_uid)
    # ... which is in the group that may change things, and changes nothing.
    wait_for("a check may look", lambda: check("looks").get("state") == "up")
    wait_for("a check's command is answered", lambda: check("changes").get("last_check"))
    assert "may only look" in check("changes")["last_check"]["detail"]
    assert check("who")["state"] == "up"

    # Packets, before and after a link that was gone: the twin's carrier follows it.
    leaf = lab.running["leaf1"]
    leaf.send(bgp.reach_v4(["10.9.1.0/24"], [leaf.asn], "0.0.0.0"))
    lab.route_to_server("leaf1", "10.0.1.1/32")
    wait_for("a ping", lambda: lab.pings(SERVER, "10.0.1.1", "10.9.1.1"))
    lab.run("leaf1", "ip", "link", "set", "eth1", "down")
    wait_for("one session less", lambda: len(lab.established()) == 1)
    lab.run("leaf1", "ip", "link", "set", "eth1", "up")
    lab.run("leaf1", "ip", "address", "replace", f"{LEAF_ADDRESS}/64", "dev", "eth1")
    wait_for("both sessions again", lambda: len(lab.established()) == 2)

    # An interface that is deleted and made again: its device is opened anew, by this user.
    lab.run(SERVER, "ip", "link", "delete", "up2")
    wait_for("one session less", lambda: len(lab.established()) == 1)
    lab.running["leaf2"].stop()
    lab.connect("leaf2")
    lab.start_leaf("leaf2", "passive")
    wait_for("both sessions over a new interface", lambda: len(lab.established()) == 2)

    # A reload, and one that can't read a secret any longer.
    config["bgp"]["neighbors"][1]["description"] = "the other leaf"
    lab.write(config)
    assert lab.command("reload") == "reloaded\n"
    secret.chmod(0o600)
    refused = subprocess.run(
        [lastmile.BUILD / "lastmile", "--socket", lab.socket, "reload"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1 and "server.yaml:" in refused.stderr, refused
    assert f'password-file: "{secret}" can\'t be opened: Permission denied' in refused.stderr, refused.stderr
    assert PASSWORD not in refused.stderr

    # Who may look, and who may more.
    assert lastmile_as(lab, "bin", "show", "bgp").returncode == 0
    for verb in ("drain", "reload"):
        done = lastmile_as(lab, "bin", verb)
        assert done.returncode == 1, done
        assert f'user 12345 may only look: "{verb}" is for root or a member of group "daemon"' in done.stderr
    done = lastmile_as(lab, "games", "show", "bgp")
    assert done.returncode == 1 and "user 12345 may not use this router" in done.stderr
    assert len(lab.established()) == 2
    assert PASSWORD not in lab.command("show", "bgp", "--json")

    path = lab.folder / "packets.pcapng"
    capture = subprocess.Popen(
        [lastmile.BUILD / "lastmile", "--socket", lab.socket, "capture", "up1", "-c", "1", "-w", path], stderr=subprocess.PIPE
    )
    assert ended(capture) == 0 and path.stat().st_size > 0
    lab.command("drain", "up2")
    wait_for("drained", lambda: len(lab.established()) == 1)
    lab.command("undrain", "up2")

    # An orderly end: what was borrowed is as it was.
    os.kill(pid, signal.SIGTERM)
    assert ended(lab.processes[-1]) == 0
    assert lab.run(SERVER, "nft", "list", "ruleset").strip() == ""
    links = lab.run(SERVER, "ip", "-br", "link")
    assert "lm-up1" not in links and "lm0" not in links

    def restored() -> bool:
        now = lab.run(SERVER, "sh", "-c", "cat /proc/sys/net/ipv6/conf/up1/disable_ipv6; ip -o -6 address show up1")
        return now.splitlines()[0] == settings.splitlines()[0] and ("fe80" in now) == ("fe80" in settings)

    wait_for("the interface is as before", restored)
    log = (lab.folder / "lastmiled.log").read_text()
    assert "runs as user daemon" in log and PASSWORD not in log
    assert "cannot restore" not in log and "cannot write" not in log, log


def test_a_secret_that_the_user_cannot_read_is_said_at_once(lab):
    secret = lab.folder / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    lab.start_server(configuration(lab, secret), *OWN_RUN)
    log = (lab.folder / "lastmiled.log").read_text()
    assert "as this user it can't read its configuration again, so reload will fail" in log
    assert f'password-file: "{secret}" can\'t be opened: Permission denied' in log
    assert json.loads(lab.command("show", "privileges", "--json"))["uid"] == USER.pw_uid
