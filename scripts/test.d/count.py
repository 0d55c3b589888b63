"""Counts the checks in CTest's JUnit reports; the last line of output is "N passed, N failed, N skipped".

A test whose output has a line "N passed, N failed" counts as those checks (the last such line: a test may run twice), any
other test as one. Tests that were not run because a step that prepares them failed count as failed.
"""

import re
import sys
import xml.etree.ElementTree

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed", re.MULTILINE)


def count(case):
    """(passed, failed, skipped) of one test."""
    status = case.get("status")
    output = case.findtext("system-out") or ""
    counts = COUNTS.findall(output)
    if status == "notrun":
        message = case.find("skipped").get("message", "") if case.find("skipped") is not None else ""
        return (0, 0, 1) if message.startswith("SKIP_") else (0, 1, 0)
    if status == "disabled":
        return 0, 0, 1
    passed, failed = map(int, counts[-1]) if counts else (int(status == "run"), 0)
    # A test that ended badly without a failed check of its own is a failure itself.
    if status != "run" and failed == 0:
        failed = 1
    return passed, failed, 0


def main():
    totals = [0, 0, 0]
    for report in sys.argv[1:]:
        try:
            cases = xml.etree.ElementTree.parse(report).getroot().findall("testcase")
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            print(f"failed: {report}: {error}")
            cases = []
            totals[1] += 1
        for case in cases:
            passed, failed, skipped = count(case)
            if failed:
                print(f"failed: {case.get('name')} ({report})")
            if skipped:
                print(f"skipped: {case.get('name')} ({report})")
            if "failed in the rig" in (case.findtext("system-out") or ""):
                print(f"failed in the rig and was run once more: {case.get('name')}")
            totals = [a + b for a, b in zip(totals, (passed, failed, skipped))]
    passed, failed, skipped = totals
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
