"""Every kind of health check against real servers and programs, in a daemon without neighbors."""
import json
import subprocess

from lablib.netns import wait_for

NAME = "web.example"
TLS_SERVER = """
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
# What each service checks, what becomes of it, and what must stand in its last result.
CHECKS = {
    "tcp": ("{tcp: 8443, address: 127.0.0.1}", "up", "connected"),
    "nobody": ("{tcp: 8444, address: 127.0.0.1}", "down", "Connection refused"),
    "verified": ("{http: 8443, address: 127.0.0.1, host: web.example, tls: verify, ca-file: CERT}", "up", "HTTP 200"),
    "other-name": ("{http: 8443, address: 127.0.0.1, host: other.example, tls: verify, ca-file: CERT}", "down", "SSL"),
    "unknown-ca": ("{http: 8443, address: 127.0.0.1, host: web.example, tls: verify}", "down", "SSL"),
    "anyone": ("{http: 8443, address: 127.0.0.1, tls: insecure}", "up", "HTTP 200"),
    "missing": ("{http: 8443, address: 127.0.0.1, tls: insecure, path: /none}", "down", "HTTP 404"),
    "plain": ("{http: 8443, address: 127.0.0.1}", "down", ""),
    "good": ("{exec: [/bin/sh, -c, 'echo fine']}", "up", "fine"),
    "bad": ("{exec: [/bin/sh, -c, 'echo disk is full; exit 3']}", "down", "exit status 3: disk is full"),
    "slow": ("{exec: [/bin/sleep, '1000']}", "down", "no answer in"),
}


def configuration(bare, checks: dict[str, str]) -> str:
    cert = str(bare.folder / "cert.pem")
    services = "\n".join(
        f"  - {{name: {name}, address: 192.168.9.{number}, "
        f"check: {check.replace('CERT', cert)[:-1]}, every: 500ms, timeout: 500ms, rise: 2, fall: 2}}}}"
        for number, (name, check) in enumerate(checks.items(), 1)
    )
    return f"""\
router: {{asn: 64512}}
loopbacks: [10.0.1.1/32]
services:
{services}
ports:
  up1: {{device: "net_af_packet0,iface=up1"}}
control: {{socket: {bare.socket}}}
"""


def services(bare) -> dict[str, dict]:
    return {s["name"]: s for s in json.loads(bare.show("show", "services", "--json").stdout)["services"]}


def test_every_kind_of_check_and_another_one_in_place(bare):
    cert, key = bare.folder / "cert.pem", bare.folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"],
        check=True, capture_output=True,
    )  # fmt: skip
    web = subprocess.Popen(
        ["ip", "netns", "exec", bare.name, "/usr/bin/python3", "-c", TLS_SERVER, cert, key],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=bare.folder,
    )  # fmt: skip
    bare.processes.append(web)
    wait_for("the web server listens", lambda: "LISTEN" in bare.run("ss", "-Hltn", "sport = :8443").stdout)
    bare.start(bare.config(configuration(bare, {name: check for name, (check, _, _) in CHECKS.items()})))
    expected = {name: state for name, (_, state, _) in CHECKS.items()}
    wait_for(
        "every service is what its check says",
        lambda: {name: s["state"] for name, s in services(bare).items()} == expected,
    )
    for name, service in services(bare).items():
        assert CHECKS[name][2] in service["last_check"]["detail"], service
        assert (service["appearance"] == "announced") == (expected[name] == "up"), service
    # A killed program leaves no zombie behind it, only for the moment until it is waited for.
    daemon = bare.processes[-1].pid

    def children() -> str:
        done = subprocess.run(["ps", "--ppid", str(daemon), "-o", "stat="], capture_output=True, text=True, check=False)
        return done.stdout

    wait_for("no zombie is left", lambda: "Z" not in children())

    mended = {name: check for name, (check, _, _) in CHECKS.items()} | {"other-name": CHECKS["verified"][0]}
    bare.config(configuration(bare, mended))
    assert bare.show("reload").returncode == 0
    wait_for("another check is taken up in place", lambda: services(bare)["other-name"]["state"] == "up")
    assert services(bare)["tcp"]["appearance"] == "announced"
