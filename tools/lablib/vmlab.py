"""What tools/vmlab shows inside a virtual machine (vm.py): flow rules that really steer, and PCI NICs."""
from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from . import vm

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LASTMILE_BUILD", TOP / "build"))
STEERING_TEST = "tests/drivers/drivers_offload_test"

BOOT_SECONDS = 180  # a busy machine emulates slowly
STEP_SECONDS = 240


@dataclass
class Row:
    scenario: str
    name: str
    result: str
    good: bool


def table(rows: list[Row]) -> str:
    width = max((len(f"{row.scenario}: {row.name}") for row in rows), default=0)
    return "\n".join(
        f"{'ok  ' if row.good else 'FAIL'}  {row.scenario + ': ' + row.name:<{width}}  {row.result}" for row in rows
    )


@dataclass
class Nic:
    """An emulated NIC for DPDK, and a kernel's virtio NIC at the other end of its cable."""

    name: str
    model: str  # qemu's name and properties
    number: int
    tells_of_loss: bool = True  # its driver hears of it when the cable is pulled

    @property
    def pci(self) -> str:
        return f"0000:00:{0x04 + self.number:02x}.0"

    @property
    def wire_mac(self) -> str:
        return f"02:00:00:00:{self.number:02x}:02"

    def arguments(self) -> list[str]:
        n = self.number
        return [
            "-netdev", f"hubport,id=a{n},hubid={n}",
            "-device", f"{self.model},netdev=a{n},id={self.name},addr={0x04 + n:#x},mac=02:00:00:00:{n:02x}:01,romfile=",
            "-netdev", f"hubport,id=b{n},hubid={n}",
            "-device", f"virtio-net-pci,netdev=b{n},addr={0x0b + n:#x},mac={self.wire_mac},romfile=",
        ]

    def bind(self) -> str:
        """Shell: gives the device to uio_pci_generic, and names the wire's interface wireN."""
        return f"""
device=/sys/bus/pci/devices/{self.pci}
[ -e $device/driver ] && echo {self.pci} > $device/driver/unbind
echo uio_pci_generic > $device/driver_override; echo {self.pci} > /sys/bus/pci/drivers_probe
for interface in /sys/class/net/*; do
  read address < $interface/address
  [ "$address" = {self.wire_mac} ] && ip link set ${{interface##*/}} name wire{self.number}
done
"""


# --- steering --------------------------------------------------------------------------------------

def steering_rows(device: str, text: str) -> list[Row]:
    """From the test's own lines: STEER rule, state, how many arrived where."""
    rows = []
    again = False
    for line in text.splitlines():
        if line.startswith("STEER after a restart"):
            again = True
        found = re.match(r"STEER (.{24})(\S+(?: rule)?) +(\d+) of (\d+) on", line)
        if line.startswith("STEER nothing:"):
            rows.append(Row(device, "flow rules", "refused: " + line.partition(": ")[2], True))
        if not found:
            continue
        name, state, on_priority, arrived = found[1].strip(), found[2], int(found[3]), int(found[4])
        if state == "installed":
            honored = on_priority == arrived
            result = f"installed, {on_priority} of {arrived} packets on the priority queue"
            if not honored:
                result += "; the emulated NIC does not honor it"
            good = honored or device != "net_tap"
        else:
            result = f"{state}, {on_priority} of {arrived} packets on the priority queue"
            good = on_priority == 0
        rows.append(Row(device, name + (" (restarted)" if again else ""), result, good))
    return rows


def steering(work: Path) -> list[Row]:
    command, version, has_igb = vm.qemu()
    igb = Nic("igb", "igb", 1)
    init = vm.INIT_HEAD + "drivers_offload_test; echo VMLAB-DONE tap $?\n"
    if has_igb:
        init += igb.bind() + f"""
ip link set wire1 up
LASTMILE_STEER_DEVICE={igb.pci} LASTMILE_STEER_WIRE=wire1 drivers_offload_test --gtest_filter='*SteeredPackets*'
echo VMLAB-DONE igb $?
LASTMILE_STEER_DEVICE={igb.pci} LASTMILE_STEER_WIRE=wire1 drivers_offload_test --gtest_filter='LinkInterrupts*'
"""
    vm.make_initramfs(work / "initramfs", work, [BUILD / STEERING_TEST], init)
    rows = []
    with vm.Vm(work, work / "initramfs", igb.arguments() if has_igb else [], hugepages=128, command=command) as guest:
        guest.wait_for("VMLAB-BEGIN", BOOT_SECONDS)
        for device in ["tap", "igb"] if has_igb else ["tap"]:
            begin = guest.seen
            status = guest.wait_for(rf"VMLAB-DONE {device} (\d+)", STEP_SECONDS)[1]
            text = guest.text()[begin:guest.seen]
            name = {"tap": "net_tap", "igb": f"igb of qemu {version}"}[device]
            found = steering_rows(name, text)
            rows += found
            tail = "" if status == "0" else ": " + " | ".join(re.findall(r"(?:Failure|error).*\n.*", text)[:3]).replace("\n", " ")
            rows.append(Row(name, "drivers_offload_test", f"exit status {status}{tail}", status == "0" and bool(found)))
        if has_igb:
            rows += [Row("igb", row.name + " by interrupt", row.result, row.good) for row in link_rows(guest, igb)]
    return rows


# --- emulated NICs ---------------------------------------------------------------------------------

def nics(work: Path) -> list[Row]:
    command, version, has_igb = vm.qemu()
    models = {"virtio": "virtio-net-pci,disable-legacy=on", "e1000e": "e1000e", "vmxnet3": "vmxnet3"}
    if has_igb:
        models["igb"] = "igb"
    # What qemu's vmxnet3 answers its driver stays "up" without a cable.
    cards = [Nic(name, model, number + 1, tells_of_loss=name != "vmxnet3")
             for number, (name, model) in enumerate(models.items())]
    vm.make_initramfs(work / "initramfs", work, [BUILD / "lastmiled", BUILD / "lastmile"], nics_init(cards))
    rows = [Row("qemu", "version", version, True)]
    devices = [argument for card in cards for argument in card.arguments()]
    with vm.Vm(work, work / "initramfs", devices, memory="2G", hugepages=256, command=command) as guest:
        guest.wait_for("VMLAB-BEGIN", BOOT_SECONDS)
        guest.wait_for("VMLAB-UP", STEP_SECONDS)
        ports = answer(guest, "ports")
        offload = answer(guest, "offload")
        for card in cards:
            port = next(port for port in ports["ports"] if port["name"] == card.name)
            rows.append(Row(card.name, "opened by lastmiled", f"{port['driver']}, link {port['link']}, by {port['link_watch']}",
                            port["link"] == "up"))
            ladder = next(port for port in offload["ports"] if port["port"] == card.name)
            refused = next((step for step in ladder["steps"] if step["reason"]), None)
            rows.append(Row(card.name, "offload", f"step {ladder['step']} ({ladder['step_name']})" +
                            (f"; step {refused['step']} {refused['state']}: {refused['reason']}" if refused else ""), True))
        for found in wait_all(guest, r"VMLAB-PING (\S+) (\S+): (.*)", 2 * len(cards)):
            lost = re.search(r"(\d+)% packet loss", found[3])
            rows.append(Row(found[1], f"ping to {found[2]}", found[3].strip(), bool(lost) and lost[1] == "0"))
        for card in cards:
            rows += link_rows(guest, card)
        guest.wait_for("VMLAB-END", STEP_SECONDS)
        status = re.search(r"VMLAB-EXIT (\d+)", guest.text())
        rows.append(Row("lastmiled", "ends on SIGTERM", f"exit status {status[1] if status else 'unknown'}",
                        bool(status) and status[1] == "0"))
    return rows


def answer(guest: vm.Vm, what: str) -> dict:
    return json.loads(guest.wait_for(rf"VMLAB-JSON {what} (.*)\n", STEP_SECONDS)[1])


def wait_all(guest: vm.Vm, pattern: str, count: int) -> list[re.Match[str]]:
    return [guest.wait_for(pattern, STEP_SECONDS) for _ in range(count)]


def link_rows(guest: vm.Vm, card: Nic) -> list[Row]:
    """Pulls the cable, by qemu's monitor, and waits until lastmiled has seen it."""
    rows = []
    for up in (False, True):
        guest.wait_for(rf"VMLAB-LINK {card.name} {'up' if up else 'down'} wanted\n", STEP_SECONDS)
        guest.monitor("set_link", name=card.name, up=up)
        seen = guest.wait_for(rf"VMLAB-LINK {card.name} (\S+) (seen|not seen)\n", STEP_SECONDS)
        expected = "seen" if up or card.tells_of_loss else "not seen"
        rows.append(Row(card.name, f"link {seen[1]}", seen[2], seen[2] == expected))
    return rows


def nics_init(cards: list[Nic]) -> str:
    ports = "\n".join(
        f'  {card.name}: {{device: "{card.pci}", addresses: [10.9.{card.number}.1/24]}}' for card in cards
    )
    script = vm.INIT_HEAD + "".join(card.bind() for card in cards) + f"""
cat > /tmp/config.yaml <<'EOF'
router: {{mode: host, asn: 64512}}
loopbacks: [10.0.1.1/32]
ports:
{ports}
dataplane: {{workers: 1, idle: adaptive, max-routes: {{ipv4: 1024, ipv6: 1024}}}}
control: {{socket: /run/lastmile.sock}}
EOF
export LASTMILE_SOCKET=/run/lastmile.sock
lastmiled /tmp/config.yaml > /tmp/log 2>&1 &
router=$!
ask() {{ echo "VMLAB-JSON $1 $(lastmile --timeout 30 show $1 --json | tr -d '\\n')"; }}
link() {{ lastmile --timeout 30 show ports | awk -v port=$1 '$1 == port {{ print $2 }}'; }}
for i in $(seq 100); do lastmile version > /dev/null 2>&1 && break; kill -0 $router 2> /dev/null || break; sleep 0.3; done
if ! lastmile --timeout 30 version; then cat /tmp/log; exit; fi
sleep 1
echo VMLAB-UP
ask ports; ask offload
"""
    for card in cards:
        n = card.number
        script += f"""
ip netns add w{n}; ip link set wire{n} netns w{n}
ip netns exec w{n} ip addr add 10.9.{n}.2/24 dev wire{n}; ip netns exec w{n} ip link set wire{n} up
ip netns exec w{n} ip route add default via 10.9.{n}.1
"""
    script += "sleep 1\n"
    for card, other in zip(cards, [*cards[1:], cards[0]]):
        # The router itself, then through it to the next NIC. The first packet may wait for ARP.
        for target in (f"10.9.{card.number}.1", f"10.9.{other.number}.2"):
            script += f"""
ip netns exec w{card.number} ping -c 2 -W 3 {target} > /dev/null
echo "VMLAB-PING {card.name} {target}: $(ip netns exec w{card.number} ping -c 10 -i 0.2 -W 3 {target} | grep loss)"
"""
    for card in cards:
        for state in ("down", "up"):
            script += f"""
echo VMLAB-LINK {card.name} {state} wanted
result="not seen"
for i in $(seq 100); do [ "$(link {card.name})" = {state} ] && result=seen && break; sleep 0.2; done
echo VMLAB-LINK {card.name} {state} $result
"""
    return script + "kill -TERM $router; wait $router; echo VMLAB-EXIT $?; cat /tmp/log\n"
