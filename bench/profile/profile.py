# SPDX-License-Identifier: MIT
"""Groups what plugin.c has counted: by what the process had asked for, and by
whose instructions these were.

    profile.py DIRECTORY RESULT KIND...
"""
import bisect
import collections
import json
import pathlib
import subprocess
import sys

XEN, KERNEL = 0xffff82d040000000, 0xffff800000000000
SPAWN, GUEST_END = 0x10000000, 0x100000
TOP = 25  # functions that are listed


class Symbols:
    def __init__(self, lines):
        pairs = sorted((int(address, 16), name) for address, name in lines)
        self.addresses = [address for address, _ in pairs]
        self.names = [name for _, name in pairs]

    def at(self, address):
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else hex(address)


def of_list(path):
    """kallsyms and xensyms: address, type, name."""
    return Symbols((line.split()[0], line.split()[2].split("#")[-1])
                   for line in path.read_text().splitlines() if line.split()[1] in "tTwW")


def of_program(path):
    lines = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return Symbols((line.split()[0], line.split()[2]) for line in lines.splitlines()
                   if len(line.split()) == 3 and line.split()[1] in "tTwWi")


class Profile:
    def __init__(self, directory, symbols):
        self.runs = 0
        self.groups = collections.Counter()
        self.functions = collections.Counter()
        self.maps = []
        for line in (directory / "maps").read_text().splitlines():
            name, extent = line.split()[:2]
            start, end = (int(word, 16) for word in extent.split("-"))
            self.maps.append((start, end, name))
        for line in (directory / "counts").read_text().splitlines():
            words = line.split()
            if words[0] == "runs":
                self.runs = int(words[1])
                continue
            asked, address, length, times = words[0], int(words[1], 16), *map(int, words[2:])
            self.take(asked, address, length * times, symbols)

    def of(self, address):
        """Whose program or library."""
        return next((name for start, end, name in self.maps if start <= address < end), "spawn")

    def take(self, asked, address, count, symbols):
        if address >= XEN and address < XEN + (1 << 30):
            where, name = "Xen", symbols["xen"].at(address)
        elif address >= KERNEL:
            where, name = "kernel", symbols["linux"].at(address)
        elif address < GUEST_END:
            where, name, asked = "guest", "the guest", "the guest"
        elif address >= SPAWN:
            where, name = "others", self.of(address)
            asked = name
        else:
            where, name = "chaos", symbols["chaos"].at(address)
        if where in ("kernel", "Xen") and asked == "user":
            asked = "entry and exit"
        self.groups[asked, where] += count
        self.functions[where, name] += count


def main():
    directory, result, *kinds = sys.argv[1:]
    directory = pathlib.Path(directory)
    symbols = {"xen": of_list(directory / "xen"), "linux": of_list(directory / "linux"),
               "chaos": of_program("build/chaos")}
    points = []
    for kind in kinds:
        profile = Profile(directory / kind, symbols)
        total = sum(profile.groups.values())
        print(f"\n{kind}: {total / profile.runs / 1e6:.3f} million instructions per create,"
              f" of {profile.runs}")
        for (asked, where), count in profile.groups.most_common():
            share = count / profile.runs
            points.append({"kind": kind, "op": "group", "asked": asked, "where": where,
                           "value": round(share / 1e6, 6)})
            if share > 2000:
                print(f"  {share / 1e3:9.1f} thousand  {asked:18} {where}")
        print()
        for (where, name), count in profile.functions.most_common(TOP):
            points.append({"kind": kind, "op": "function", "function": name, "where": where,
                           "value": round(count / profile.runs / 1e6, 6)})
            print(f"  {count / profile.runs / 1e3:9.1f} thousand  {where:8} {name}")
    pathlib.Path(result).write_text(json.dumps(
        {"schema": 1, "bench": "profile", "arguments": kinds, "unit": "million instructions",
         "points": points}, indent=1) + "\n")


main()
