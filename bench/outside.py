# SPDX-License-Identifier: MIT
"""Adds to a bench's JSON what dom0 can't know: the lab, and what it runs on."""
import json
import subprocess
import sys


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


path, options = sys.argv[1:]
with open(path) as file:
    result = json.load(file)
commit = output("git", "rev-parse", "--short", "HEAD")
changed = output("git", "status", "--porcelain", "--untracked-files=no", "--", "src", "chaos-cli",
                 "include", "noxs", "Makefile")
result["commit"] = commit + (" and changes" if changed else "")
result["qemu"] = output("qemu-system-x86_64", "--version").split("\n")[0]
result["lab"] = options
with open(path, "w") as file:
    json.dump(result, file, indent=1)
    file.write("\n")
