"""Counts the tests of JUnit files: prints "N passed, N failed, N skipped"."""
from __future__ import annotations

import sys
import xml.etree.ElementTree as xml


def main(files: list[str]) -> int:
    passed = failed = skipped = 0
    for file in files:
        for case in xml.parse(file).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"failed: {case.get('classname', '')} {case.get('name', '')}")
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
