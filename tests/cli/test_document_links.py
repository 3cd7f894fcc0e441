"""tools/links names each link that leads nowhere, with its line, and nothing else."""
from __future__ import annotations

import subprocess

from places import ROOT

PAGE = """\
# A `b`, c!

## A b c
[there](#a-b-c) [again](#a-b-c-1) [not there](#no) [no file](no.md) `[in code](no.md)` [elsewhere](https://example.net/no)

```
[in code](no.md)
```
[beside](other.md#one--two) [beside](other.md#two), `tools/links`, `tools/no-such-tool`
"""


def links(*pages) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "tools/links", *pages], capture_output=True, text=True, timeout=60, check=False)


def test_what_leads_nowhere_is_named_with_its_line(tmp_path):
    (tmp_path / "other.md").write_text("# One & two\n")
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    done = links(page)
    assert done.returncode == 1
    found = {line.removeprefix(f"{page}:") for line in done.stdout.splitlines()}
    assert found == {
        "4: #no: no such heading",
        "4: no.md: no such file",
        "9: other.md#two: no such heading",
        "9: tools/no-such-tool: no such file",
    }
