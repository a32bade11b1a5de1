# SPDX-License-Identifier: MIT
"""Makes chaos-cli/order of a linker's map and of what `trace` has written.

    order.py MAP TRACE...

Sections go by the trace that first runs through them, and then by how much of
each is run: what is run whole comes first."""
import bisect
import collections
import os
import re
import sys

SECTION = re.compile(r"^ (\.text\S*)(?:\s+(0x\S+)\s+(0x\S+)\s+(\S.*))?$")
PLACE = re.compile(r"^\s+(0x\S+)\s+(0x\S+)\s+(\S.*)$")


def read_map(path):
    """Address, size, name and file of each section of code."""
    sections, waiting = [], None
    with open(path) as file:
        for line in file:
            found = SECTION.match(line)
            place = PLACE.match(line) if waiting else None
            if found and found[2]:
                sections.append((int(found[2], 16), int(found[3], 16), found[1], found[4]))
            elif place:
                sections.append((int(place[1], 16), int(place[2], 16), waiting, place[3]))
            waiting = found[1] if found and not found[2] else None
    return sorted(section for section in sections if section[0] and section[1])


def name_of(file):
    """As a linker script names it: archive:member, or the end of a path."""
    member = re.match(r".*/([^/]+\.a)\(([^)]+)\)$", file)
    if member:
        return f"{member[1]}:{member[2]}"
    return "/".join(file.split("/")[-2:])


def run_of(trace, sections, starts):
    """How many bytes of each section a trace has run."""
    run = collections.Counter()
    with open(trace) as file:
        for line in file:
            address = int(line, 16)
            section = sections[bisect.bisect_right(starts, address + 15) - 1]
            if address < section[0] + section[1]:
                run[section] += 16
    return run


def main(map_path, *traces):
    sections = read_map(map_path)
    starts = [section[0] for section in sections]
    groups = collections.defaultdict(collections.Counter)
    for trace in traces:
        group = os.path.basename(trace).split(".")[0]
        for section, run in run_of(trace, sections, starts).items():
            groups[group][section] = max(groups[group][section], run)
    done = set()
    for _, runs in sorted(groups.items()):
        for section, run in sorted(runs.items(), key=lambda item: -item[1] / item[0][1]):
            if section not in done:
                done.add(section)
                print(f"{name_of(section[3])}({section[2]})")


main(*sys.argv[1:])
