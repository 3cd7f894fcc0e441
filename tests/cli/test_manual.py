"""The manual pages: made from what --help and the schema say, and good troff."""
from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from places import BUILD, ROOT

PAGES = {
    "lastmile(1)": [BUILD / "lastmile", "--man"],
    "lastmiled(8)": [BUILD / "lastmiled", "--man"],
    "lastmile.yaml(5)": [BUILD / "lastmiled", "--man-config"],
}


def run(command: list, **options) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, **options).stdout


def rendered(page: str) -> str:
    source = run(PAGES[page])
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-c", "-P-b", "-P-u", "-rLL=200n"],
        input=source, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == "", f"{page}: {done.stderr}"
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).replace("−", "-").replace("‐", "-")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_good_troff_and_has_its_sections(page):
    text = rendered(page)
    for heading in ("NAME", "DESCRIPTION", "SEE ALSO"):
        assert f"\n{heading}\n" in text


def test_the_command_s_page_has_every_verb_and_option():
    text = rendered("lastmile(1)")
    usage = run([BUILD / "lastmile", "--help"])
    verbs = usage.split("Verbs:\n")[1]
    for line in verbs.splitlines():
        if line.strip():
            assert re.split(r"  +", line.strip())[0] in text
    options = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", usage, re.MULTILINE))
    assert {"--json", "--watch", "--received", "--as-path"} <= options
    for option in options:
        assert option in text


def test_docs_have_every_verb_and_option_and_no_others():
    usage = run([BUILD / "lastmile", "--help"])
    verbs = [re.split(r"  +", line.strip())[0] for line in usage.split("Verbs:\n")[1].splitlines() if line.strip()]
    called = {re.match(r"[a-z]+( [a-z]+)?(?![a-z|])", verb)[0] for verb in verbs}
    assert {"show bgp", "drain", "policy test", "capture"} <= called
    text = (ROOT / "docs/commands.md").read_text()
    titles = " ".join(re.findall(r"^## (.*)$", text, re.MULTILINE))
    assert not [call for call in called if not re.search(rf"\b{call}\b", titles)]
    options = set(re.findall(r"--[a-z][a-z-]+", usage))
    documented = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert not [o for o in options - {"--help", "--version"} if not re.search(rf"{o}\b(?!-)", documented)]
    # What stands behind `lastmile` in a line of code is a verb, whatever follows.
    names = {verb.split()[0] for verb in called}
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for call in re.findall(r"(?:^ {4}|`|\$ |# )(?:sudo )?(?:build/)?lastmile ((?:show )?[a-z]+)", page.read_text(), re.MULTILINE):
            assert call in called | {"show"} or call.split()[0] in names - {"show"}, f"{page.name}: lastmile {call}"


def test_the_daemon_s_page_has_every_option():
    text = rendered("lastmiled(8)")
    usage = run([BUILD / "lastmiled", "--help"])
    options = re.findall(r"^  (?:-\w,)?(--[\w-]+)", usage, re.MULTILINE)
    assert "--check" in options
    for option in options:
        assert option in text


def test_the_configuration_s_page_has_every_key_and_its_example_is_good(tmp_path):
    text = rendered("lastmile.yaml(5)")
    for key in re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE):
        assert re.search(rf"^ +{key}\b", text, re.MULTILINE), key
    example = text.split("\nEXAMPLE\n")[1].split("\nSEE ALSO\n")[0]
    block = example[example.index("router:") :]
    lines = [re.sub(r"^ {,11}", "", line) for line in block.splitlines()]
    config = tmp_path / "server.yaml"
    config.write_text("\n".join(lines) + "\n")
    assert yaml.safe_load(config.read_text())["router"] == {"asn": 64512}
    run([BUILD / "lastmiled", "--check", config])
