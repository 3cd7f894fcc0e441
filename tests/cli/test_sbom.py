"""The bill of materials: which packages of Debian are in the programs, and which DPDK loads into them."""
from __future__ import annotations

import json
import subprocess

from places import BUILD, ROOT


def test_the_bill_of_materials_names_what_is_linked_loaded_and_compiled_in():
    done = subprocess.run([ROOT / "tools/sbom", "--build", BUILD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    use = {c["name"]: c["properties"][0]["value"] for c in bill["components"]}
    assert use["libc6"] == "linked"
    assert any(name.startswith("librte-ethdev") and how == "linked" for name, how in use.items()), use
    assert any(name.startswith("librte-net-mlx5") and how == "loaded" for name, how in use.items()), use
    assert use["libibverbs1"] == "loaded"  # which mlx5 needs
    assert any(name.startswith("libboost") and how == "compiled in" for name, how in use.items()), use
    assert use["nlohmann-json3-dev"] == "compiled in"
    assert all(c["purl"].startswith("pkg:deb/debian/") and c["version"] for c in bill["components"])
    assert done.stdout == subprocess.run([ROOT / "tools/sbom", "--build", BUILD], capture_output=True, text=True, check=True).stdout
