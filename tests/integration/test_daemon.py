"""lastmiled by itself: start, end, and what it says when something is wrong."""
import fcntl
import json
import os
import signal
import subprocess
import time

import pytest

from lablib import lastmile
from lablib.netns import ended, wait_for

LASTMILED = lastmile.BUILD / "lastmiled"
TELEMETRY = "/usr/bin/dpdk-telemetry.py"


def first_line(process):
    return (process.stderr or process.stdout).strip().splitlines()[0]


def test_starts_answers_and_leaves_nothing_behind(bare):
    bare.run("ip", "address", "add", "192.0.2.1/24", "dev", "up1")
    before = bare.interfaces()
    process = bare.start()
    assert process.poll() is None, bare.log()
    assert {"lm0", "lm-up1"} <= bare.interfaces()
    assert "10.0.1.1" in bare.run("ip", "address", "show", "lm0").stdout
    assert "dev lm0" in bare.run("ip", "route", "show", "default").stdout
    assert "lastmile" in bare.run("nft", "list", "tables").stdout
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, bare.log()
    assert bare.interfaces() == before
    assert bare.run("nft", "list", "tables").stdout.strip() == ""
    assert "192.0.2.1/24" in bare.run("ip", "address", "show", "up1").stdout, "its address is gone"
    assert not bare.socket.exists()
    assert os.listdir("/dev/hugepages") == [] if os.path.isdir("/dev/hugepages") else True


def test_an_impatient_operator_changes_nothing_about_the_end(bare):
    bare.run("ip", "address", "add", "192.0.2.1/24", "dev", "up1")
    before = bare.interfaces()
    process = bare.start()
    assert process.poll() is None, bare.log()
    while process.poll() is None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
        time.sleep(0.001)
    assert process.returncode == 0, bare.log()
    assert bare.interfaces() == before
    assert "192.0.2.1/24" in bare.run("ip", "address", "show", "up1").stdout, "its address is gone"


@pytest.mark.parametrize("killed", [False, True])
def test_an_interface_that_was_renamed_gets_its_addresses_back(bare, killed):
    bare.run("ip", "address", "add", "192.0.2.1/24", "dev", "up1")
    process = bare.start()
    assert process.poll() is None, bare.log()
    assert "192.0.2.1/24" not in bare.run("ip", "address", "show", "up1").stdout
    if killed:
        process.kill()
        process.wait()
    bare.run("ip", "link", "set", "up1", "name", "uplink")
    if killed:
        process = bare.start(bare.config(bare.config().read_text().replace("iface=up1", "iface=uplink")))
        assert process.poll() is None, bare.log()
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, bare.log()
    assert "192.0.2.1/24" in bare.run("ip", "address", "show", "uplink").stdout, "its address is gone"
    assert bare.run("sysctl", "-n", "net.ipv6.conf.uplink.disable_ipv6").stdout.strip() == "0", bare.log()


@pytest.mark.skipif(not os.path.exists(TELEMETRY), reason="DPDK's tools are not installed")
def test_dpdk_s_telemetry_answers_for_the_router(bare):
    process = bare.start()
    assert process.poll() is None, bare.log()

    def ask(*questions: str) -> list[dict]:
        done = subprocess.run(
            ["/usr/bin/python3", TELEMETRY, "-f", f"lastmile-{process.pid}"],
            input="\n".join(questions) + "\n", capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    known, version, ports, one, none, bgp = ask(
        "/", "/lastmile/version", "/lastmile/ports", "/lastmile/ports,up1", "/lastmile/ports,up9", "/lastmile/bgp"
    )
    assert {"/lastmile/version", "/lastmile/workers", "/lastmile/bfd", "/ethdev/list"} <= set(known["/"])
    told = json.loads(bare.show("version", "--json").stdout)
    assert version["/lastmile/version"]["version"] == told["version"]
    shown = json.loads(bare.show("show", "ports", "--json").stdout)["ports"][0]
    port = ports["/lastmile/ports"]["ports"]["0"]
    assert (port["name"], port["mtu"]) == (shown["name"], shown["mtu"]) == ("up1", shown["mtu"])
    assert one["/lastmile/ports"]["ports"]["0"]["name"] == "up1"
    assert none["/lastmile/ports"]["ports"] == {}
    assert bgp["/lastmile/bgp"]["neighbors"]["0"]["name"] == "up1"


def test_after_a_kill_the_next_start_cleans_up(bare):
    process = bare.start()
    process.kill()
    process.wait()
    again = bare.start()
    assert again.poll() is None, bare.log()
    again.send_signal(signal.SIGTERM)
    assert ended(again) == 0
    wait_for("nothing of ours is left", lambda: bare.interfaces() == {"lo", "up1", "far"})


def test_a_signal_during_the_start_leaves_nothing_behind(bare):
    bare.run("ip", "address", "add", "192.0.2.1/24", "dev", "up1")
    before = bare.interfaces()
    log = open(bare.folder / "lastmiled.log", "wb")  # noqa: SIM115
    command = ["env", "--default-signal=HUP", LASTMILED, bare.config()]
    process = subprocess.Popen(
        ["ip", "netns", "exec", bare.name, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    bare.processes.append(process)
    # The interface is shut, and the control socket, which is opened last but one, is not there.
    while "192.0.2.1" in bare.run("ip", "address", "show", "up1").stdout:
        assert process.poll() is None, bare.log()
    assert not bare.socket.exists(), "the start was too fast for this test"
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, bare.log()
    assert bare.interfaces() == before
    assert bare.run("nft", "list", "tables").stdout.strip() == ""
    assert "192.0.2.1/24" in bare.run("ip", "address", "show", "up1").stdout, "its address is gone"


def test_who_reads_the_log_can_neither_hold_the_router_up_nor_end_it(bare):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        ["ip", "netns", "exec", bare.name, LASTMILED, "--log-level", "debug", bare.config()], stdin=subprocess.DEVNULL, stderr=writer
    )
    os.close(writer)
    bare.processes.append(process)
    # Nobody reads, and after the start there is no room for one line more.
    wait_for("it answers", lambda: process.poll() is not None or bare.show("version").returncode == 0)
    for _ in range(60):
        assert bare.show("reload").returncode == 0
    os.close(reader)
    for _ in range(3):
        assert bare.show("reload").returncode == 0
    assert process.poll() is None
    process.terminate()
    assert ended(process) == 0


def test_an_interface_that_goes_away_is_named(bare):
    process = bare.start()
    bare.run("ip", "link", "delete", "far")
    wait_for("the log says so", lambda: "port up1: interface 'up1' is gone; the port waits" in bare.log())
    assert process.poll() is None, bare.log()
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, bare.log()
    assert bare.interfaces() == {"lo"}


def test_the_largest_tables_that_a_configuration_may_ask_for_can_be_made(bare):
    text = bare.config().read_text()
    text += "dataplane: {max-routes: {ipv4: 16777216, ipv6: 4194304}}\n"
    process = bare.start(bare.config(text))
    assert process.poll() is None, bare.log()


def test_host_mode_passes_nothing_between_ports_without_a_neighbor(bare):
    """Two static uplinks and no BGP: the promise holds whatever is configured."""
    bare.run("ip", "link", "add", "up2", "type", "veth", "peer", "name", "far2")
    for name, address in (("far", "192.0.2.2/24"), ("far2", "198.51.100.2/24")):
        # From outside: `ip netns exec` has mounts of its own, where a new name would stay.
        there = f"{bare.name}-{name}"
        for command in (
            f"ip netns add {there}",
            f"ip -n {bare.name} link set {name} netns {there}",
            f"ip -n {there} address add {address} dev {name}",
            f"ip -n {there} link set {name} up",
            f"ip netns exec {there} ethtool -K {name} tx off",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)
    subprocess.run(
        f"ip -n {bare.name}-far2 route add default via 198.51.100.1".split(), check=True
    )
    text = f"""\
router: {{id: 10.0.1.1}}
loopbacks: [10.0.1.1/32]
ports:
  up1: {{device: "net_af_packet0,iface=up1", addresses: [192.0.2.1/24]}}
  up2: {{device: "net_af_packet1,iface=up2", addresses: [198.51.100.1/24]}}
routes:
  - {{prefix: 0.0.0.0/0, via: [{{port: up1, address: 192.0.2.2}}, {{port: up2, address: 198.51.100.2}}]}}
control: {{socket: {bare.socket}}}
"""
    try:
        process = bare.start(bare.config(text))
        assert process.poll() is None, bare.log()
        ping = ["ip", "netns", "exec", f"{bare.name}-far2", "ping", "-c2", "-i0.2", "-W1"]
        assert subprocess.run([*ping, "10.0.1.1"]).returncode == 0, "the host itself answers"
        assert subprocess.run([*ping, "192.0.2.2"]).returncode != 0
        assert subprocess.run([*ping, "203.0.113.9"]).returncode != 0
        assert '"transit-refused"' in bare.show("show", "drops", "--json").stdout
    finally:
        for name in ("far", "far2"):
            subprocess.run(["ip", "netns", "delete", f"{bare.name}-{name}"], check=False)


def sockets_at(process, interface):
    """AF_PACKET sockets that the daemon has at interfaces of this name, its private namespace included."""
    count = 0
    fds = f"/proc/{process.pid}/fd"
    namespaces = {f"/proc/{process.pid}/ns/net"}
    namespaces |= {f"{fds}/{fd}" for fd in os.listdir(fds) if os.readlink(f"{fds}/{fd}").startswith("net:[")}
    for namespace in namespaces:
        script = "ip -o link; echo; tail -n +2 /proc/self/net/packet"
        command = ["nsenter", f"--net={namespace}", "sh", "-c", script]
        links, sockets = subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.split("\n\n")
        index = {line.split(":")[1].strip().split("@")[0]: line.split(":")[0] for line in links.splitlines()}
        count += sum(line.split()[4] == index.get(interface) for line in sockets.splitlines())
    return count


def test_each_worker_has_queues_of_its_own_everywhere(bare):
    """A transmit queue takes packets from one thread only; af_packet has a socket for each, and a port one more for
    what no flood may delay (docs/floods.md)."""
    text = bare.config().read_text() + "dataplane: {workers: 3}\n"
    process = bare.start(bare.config(text))
    assert process.poll() is None, bare.log()
    found = {name: sockets_at(process, name) for name in ("up1", "lm-up1", "lm0")}
    assert found == {"up1": 3 + 1, "lm-up1": 3, "lm0": 3}


def test_a_device_with_too_few_queues_is_named(bare):
    text = bare.config().read_text().replace("iface=up1", "iface=up1,qpairs=1")
    text += "dataplane: {workers: 2}\n"
    process = bare.start(bare.config(text))
    assert "port up1: 1 receive and 1 transmit queue(s) for 2 workers" in bare.log()
    process.terminate()
    assert ended(process) == 0, bare.log()


def test_queues_that_no_worker_would_look_into_are_refused(bare):
    text = bare.config().read_text().replace("iface=up1", "iface=up1,qpairs=2")
    process = bare.start(bare.config(text))
    assert process.wait() == 1
    assert "qpairs=2: no worker would look into all of them; expected at most 1, one for each worker" in bare.log()


def test_the_second_instance_says_what_is_taken(bare):
    first = bare.start()
    second = bare.run(str(LASTMILED), str(bare.config()), check=False)
    assert second.returncode == 1
    assert "lm-up1" in second.stderr or "up1" in second.stderr, second.stderr
    assert first.poll() is None


def test_two_instances_run_side_by_side(bare):
    first = bare.start()
    bare.run("ip", "link", "add", "up2", "type", "veth", "peer", "name", "far2")
    bare.run("ip", "link", "set", "up2", "up")
    other = bare.folder / "other.yaml"
    other.write_text(
        f"""\
router: {{asn: 64513}}
loopbacks: [10.0.9.9/32]
host: {{interface: lm9, default-route-metric: 30}}
ports: {{up2: {{device: "net_af_packet0,iface=up2"}}}}
control: {{socket: {bare.folder}/other.sock}}
"""
    )
    second = bare.start(other)
    wait_for(
        "the second one answers",
        lambda: second.poll() is not None or (bare.folder / "other.sock").exists(),
    )
    assert first.poll() is None and second.poll() is None, bare.log()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("router: {asn: 64512}\nlopbacks: [10.0.1.1/32]\n", "loopbacks"),
        ("router: {asn: 64512}\nloopbacks: [10.0.1.1/33]\n", ":2:"),
        ("router: [\n", ":"),
    ],
)
def test_a_wrong_configuration_is_named_with_its_place(bare, text, expected):
    path = bare.config(text)
    for arguments in ([LASTMILED, "--check", path], [LASTMILED, path]):
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert first_line(done).startswith(f"{path}:"), done.stderr
        assert expected in done.stderr


def test_check_accepts_a_good_one(bare):
    done = subprocess.run([LASTMILED, "--check", bare.config()], capture_output=True, check=False)
    assert done.returncode == 0


def test_a_missing_device_is_named(bare):
    text = bare.config().read_text().replace("iface=up1", "iface=nowhere")
    done = bare.run(str(LASTMILED), str(bare.config(text)), check=False)
    assert done.returncode == 1
    assert "up1" in done.stderr and "nowhere" in done.stderr, done.stderr
    assert bare.interfaces() == {"lo", "up1", "far"}


def test_a_missing_namespace_is_named(bare):
    done = bare.run(str(LASTMILED), str(bare.config(bare.config().read_text() + "host: {netns: lm-nowhere}\n")), check=False)
    assert done.returncode == 1
    assert "host: netns: there is no network namespace 'lm-nowhere'" in done.stderr, done.stderr
    assert bare.interfaces() == {"lo", "up1", "far"}


def test_without_root_it_says_so(bare):
    config = bare.config()
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", LASTMILED, config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "root" in done.stderr or "CAP_" in done.stderr or "ermission" in done.stderr, done.stderr


def test_a_taken_bgp_port_is_named(bare):
    listener = subprocess.Popen(
        ["ip", "netns", "exec", bare.name, "/usr/bin/python3", "-c",
         "import socket,time\ns=socket.socket(socket.AF_INET6)\ns.bind(('::',179))\ns.listen()\n"
         "print('ready',flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert listener.stdout.readline().strip() == "ready"
        done = bare.run(str(LASTMILED), str(bare.config()), check=False)
        assert done.returncode == 1
        assert "179" in done.stderr, done.stderr
        assert bare.interfaces() == {"lo", "up1", "far"}
    finally:
        listener.kill()
        listener.wait()


def test_the_command_without_a_daemon_says_how_to_go_on(bare):
    done = bare.show("show", "bgp")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1 and str(bare.socket) in done.stderr


def test_reload_takes_up_what_differs_and_a_wrong_file_changes_nothing(bare):
    process = bare.start()
    path = bare.config()
    good = path.read_text()

    def neighbors():
        return [n["name"] for n in json.loads(bare.show("show", "bgp", "--json").stdout)["neighbors"]]

    assert neighbors() == ["up1"]
    path.write_text(good.replace("  neighbors:", "  neighbors:\n    - {listen: 192.0.2.0/24, port: up1, remote-asn: external}"))
    reloaded = bare.show("reload")
    assert (reloaded.returncode, reloaded.stdout) == (0, "reloaded\n"), reloaded.stderr
    assert sorted(neighbors()) == ["192.0.2.0/24%up1", "up1"]

    path.write_text(good.replace("external", "extrenal") + "policies: {p: {default: maybe}}\n")
    refused = bare.show("reload")
    assert refused.returncode == 1
    assert refused.stderr.count("server.yaml:") == 2, refused.stderr
    assert 'did you mean "external"?' in refused.stderr
    path.write_text(good.replace("10.0.1.1/32", "10.0.1.2/32"))
    assert "loopbacks" in bare.show("reload").stderr
    assert sorted(neighbors()) == ["192.0.2.0/24%up1", "up1"], "nothing has changed"
    path.write_text(good)
    assert bare.show("reload").returncode == 0
    assert neighbors() == ["up1"]
    assert process.poll() is None, bare.log()
