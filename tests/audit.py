"""Looks up known vulnerabilities of pinned packages: ``make audit``.

pip-audit asks a database on the network. Where that cannot be reached, one line says that nothing was looked up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

#: Exit codes: looked up and nothing is known; something is known; nothing was looked up.
CLEAN, KNOWN, UNREACHABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each known vulnerability, and one that says how many packages were looked up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", help="a file of pinned packages with hashes")
    parser.add_argument("--program", default="pip-audit", help="pip-audit")
    parser.add_argument("--service", default="osv", help="the database: osv, pypi or esms")
    parser.add_argument("--osv-url", help="another address of the database osv")
    options = parser.parse_args(arguments)
    command = [options.program, "--requirement", options.requirements, "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off", "--vulnerability-service", options.service]
    command += ["--osv-url", options.osv_url] if options.osv_url else []
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines, code = read_report(ended.stdout, ended.stderr)
    for line in lines:
        print(line)
    return code


def read_report(output: str, said: str) -> tuple[list[str], int]:
    """The lines for a person and the exit code.

    Args:
        output: the report of pip-audit as JSON; empty or no JSON where it has failed.
        said: what it said on standard error.
    """
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = (said.strip().splitlines() or ["it says nothing"])[-1].strip()
        return [f"audit: nothing was looked up, the database of vulnerabilities cannot be reached: {why}"], UNREACHABLE
    found = [
        f"{package['name']} {package['version']}: {known['id']}"
        + (f", mended in {', '.join(known['fix_versions'])}" if known.get("fix_versions") else ", not mended yet")
        for package in packages
        for known in package.get("vulns", ())
    ]
    skipped = [
        f"{package['name']} {package.get('version', '')} was skipped: {package.get('skip_reason', 'no reason')}"
        for package in packages
        if "vulns" not in package
    ]
    looked_up = len(packages) - len(skipped)
    summary = f"audit: {looked_up} packages looked up, {len(found)} known vulnerabilities"
    return [*found, *skipped, summary], KNOWN if found else CLEAN if looked_up else UNREACHABLE


if __name__ == "__main__":
    sys.exit(main())
