"""A small virtual machine: Debian's stock kernel, an initramfs of our programs, software emulation.

The kernel of a test machine may lack what the lab wants to show (tc flower, UIO); a kernel booted by qemu has it.
KVM is not used: these machines are virtual themselves, and emulation is fast enough for what is asked here.
"""

import json
import lzma
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

CACHE = Path(os.environ.get("LASTMILE_DEBIAN_ROOT", "/var/cache/lastmile"))

# What the guest needs beside what is built in; modprobe's dependencies come along.
MODULES = ["af_packet", "tun", "veth", "cls_flower", "sch_ingress", "sch_multiq", "act_skbedit", "act_gact", "act_mirred",
           "virtio_net", "virtio_pci", "uio_pci_generic", "failover", "net_failover"]

# DPDK loads every driver of its plugin folder: only these come along.
DPDK_DRIVERS = ["bus_pci", "bus_vdev", "mempool_ring", "net_af_packet", "net_null", "net_tap", "net_e1000", "net_virtio",
                "net_vmxnet3"]


class VmError(Exception):
    """Something outside the guest is missing or failed; the text says what."""


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


# --- the kernel ----------------------------------------------------------------------------------

def kernel_root():
    """The unpacked kernel package; downloaded once, never installed."""
    meta = run("apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"Depends: (linux-image-\S+)", meta)
    if not found:
        raise VmError("apt knows no linux-image-amd64; run: apt-get update")
    package = found.group(1)
    root = CACHE / "kernel" / package
    if (root / "boot").is_dir():
        return root
    downloads = CACHE / "kernel"
    downloads.mkdir(parents=True, exist_ok=True)
    for old in downloads.glob("linux-image-*.deb"):
        if not old.name.startswith(package + "_"):
            old.unlink()
    if not list(downloads.glob(package + "_*.deb")):
        run("apt-get", "download", "-qq", package, cwd=downloads)
    archive = next(downloads.glob(package + "_*.deb"))
    unpacked = downloads / (package + ".new")
    shutil.rmtree(unpacked, ignore_errors=True)
    run("dpkg", "-x", str(archive), str(unpacked))
    shutil.rmtree(root, ignore_errors=True)
    unpacked.rename(root)
    archive.unlink()
    return root


def read_module(file):
    data = file.read_bytes()
    return lzma.decompress(data) if file.suffix == ".xz" else data


def module_files(root, names):
    """(name, content) of the modules and of all that they depend on, in the order to load them."""
    files = {file.name.split(".ko")[0].replace("-", "_"): file for file in (root / "lib/modules").rglob("*.ko*")}
    order = {}

    def add(name):
        if name in order or name not in files:
            return  # loaded already, or built in
        content = read_module(files[name])
        needs = re.search(rb"\0depends=([^\0]*)\0", content)
        for need in needs.group(1).decode().split(",") if needs else []:
            add(need.replace("-", "_"))
        order[name] = content

    for name in names:
        add(name)
    return order


# --- the initramfs -------------------------------------------------------------------------------

def libraries(program):
    """What the dynamic linker would load for a program or library."""
    found = set()
    for line in run("ldd", str(program)).splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            found.add(path)
    return found


def dpdk_plugins():
    folders = sorted(Path("/usr/lib").glob("*/dpdk/pmds-*"))
    if not folders:
        raise VmError("DPDK's drivers are not installed; run: sudo tools/setup")
    return [file for name in DPDK_DRIVERS for file in folders[-1].glob(f"librte_{name}.so.*")]


def make_initramfs(target, work, programs, init):
    """A newc archive, not compressed: unpacking would be emulated, too."""
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", "sbin", "dev", "proc", "sys", "tmp", "run", "etc", "modules", "var/run"):
        (tree / folder).mkdir(parents=True)

    def put(source, path):
        to = tree / str(path).lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists():
            shutil.copy2(os.path.realpath(source), to)

    def put_library(path):
        """With the links that lead to it: one file under two names would be two libraries to the linker."""
        real = os.path.realpath(path)
        put(real, real)
        link = tree / str(path).lstrip("/")
        if str(path) != real and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(real)

    if not Path("/bin/busybox").exists():
        raise VmError("busybox-static is not installed; run: sudo tools/setup --full")
    put("/bin/busybox", "/bin/busybox")
    for applet in run("/bin/busybox", "--list").split():
        if applet not in ("busybox", "ip", "sh", "tc"):
            (tree / "bin" / applet).symlink_to("busybox")
    drivers = dpdk_plugins()
    needed = set()
    # The machine's own shell: busybox's takes its own applets for ip, whatever lies in the path.
    for program in ["/bin/sh", "/sbin/ip", "/sbin/tc", *programs]:
        put(program, "/bin/" + Path(program).name)
        needed |= libraries(program)
    for driver in drivers:
        put_library(driver)
        needed |= libraries(driver)
    for library in needed:
        put_library(library)
    for file in (*tree.glob("bin/lastmile*"), *tree.glob("bin/*_test")):
        subprocess.run(["strip", str(file)], check=True)
    for number, (name, content) in enumerate(module_files(kernel_root(), MODULES).items()):
        (tree / "modules" / f"{number:02}-{name}.ko").write_bytes(content)
    (tree / "init").write_text(init)
    (tree / "init").chmod(0o755)
    with open(target, "wb") as archive:
        names = subprocess.run(["find", "."], cwd=tree, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names, stdout=archive, check=True)


INIT_HEAD = """#!/bin/sh
export PATH=/bin:/sbin HOME=/tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/net /dev/pts /dev/shm; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run; rm -rf /var/run; ln -s /run /var/run
for module in /modules/*; do insmod $module 2> /tmp/insmod || { read why < /tmp/insmod; echo "insmod: $why"; }; done
ip link set lo up
trap 'echo; echo VMLAB-END; sync; poweroff -f' EXIT
echo VMLAB-BEGIN
"""


# --- qemu ----------------------------------------------------------------------------------------

def qemu():
    """The newest qemu at hand, as (command, version, has igb): ours, or that of tools/debian's Debian 13."""
    root = CACHE / "debian13"
    candidates = []
    if shutil.which("qemu-system-x86_64"):
        candidates.append(["qemu-system-x86_64"])
    inner = root / "usr/bin/qemu-system-x86_64"
    if inner.exists():
        # Its own dynamic linker and libraries, with no chroot: files named on the command line are the host's.
        lib = root / "usr/lib/x86_64-linux-gnu"
        candidates.append([str(lib / "ld-linux-x86-64.so.2"), "--library-path", str(lib), str(inner), "-L",
                           str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios")])
    best = None
    for command in candidates:
        version = run(*command, "--version").split("version ")[1].split()[0]
        number = tuple(int(part) for part in version.split(".")[:2])
        if best is None or number > best[1]:
            best = (command, number)
    if best is None:
        raise VmError("qemu is not installed; run: sudo tools/setup --full")
    return best[0], ".".join(map(str, best[1])), best[1] >= (8, 0)


class Vm:
    """A running guest. Its console is a file that grows; its monitor (QMP) a socket."""

    def __init__(self, work, initramfs, devices, memory="1G", hugepages=0, command=None):
        self.console = work / "console"
        self.monitor_path = work / "monitor"
        self.monitor_path.unlink(missing_ok=True)
        kernel = next((kernel_root() / "boot").glob("vmlinuz-*"))
        line = f"console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable_ipv6=0 hugepages={hugepages}"
        self.process = subprocess.Popen(
            [*(command or qemu()[0]), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine",
             "pc,accel=tcg", "-cpu", "max", "-smp", "2", "-m", memory, "-kernel", str(kernel), "-initrd", str(initramfs),
             "-append", line, "-serial", f"file:{self.console}", "-qmp", f"unix:{self.monitor_path},server=on,wait=off",
             *devices], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def text(self):
        return self.console.read_text(errors="replace").replace("\r", "") if self.console.exists() else ""

    def wait_for(self, pattern, seconds):
        """The next match of `pattern` on the console."""
        deadline = time.monotonic() + seconds
        while True:
            text = self.text()
            found = re.compile(pattern).search(text, self.seen)
            if found:
                self.seen = found.end()
                return found
            if self.process.poll() is not None:
                raise VmError(f"the guest ended before '{pattern}': " + "".join(self.process.stderr.readlines()[-3:]) +
                              "\n".join(text.splitlines()[-15:]))
            if time.monotonic() > deadline:
                raise VmError(f"no '{pattern}' within {seconds} s; the console ends with:\n" +
                              "\n".join(text.splitlines()[-25:]))
            time.sleep(0.05)

    def monitor(self, execute, **arguments):
        """A QMP command."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.monitor_path))
            stream = connection.makefile("rw")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": execute, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                while True:
                    answer = json.loads(stream.readline())
                    if "return" in answer or "error" in answer:
                        break
            if "error" in answer:
                raise VmError(f"{execute}: {answer['error']['desc']}")
            return answer["return"]
