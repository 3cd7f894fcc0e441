"""What the tests of the command, its manual and the schema have in common."""
from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("LASTMILE_BUILD", "build")
sys.path.insert(0, str(ROOT / "tools"))
