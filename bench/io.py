# SPDX-License-Identifier: MIT
"""Prints the table of build/bench/io.json."""
import json
import sys

from report import absent, cell

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]
columns = ("chaos", "pvh"), ("chaos", "pv"), ("xl", "pv")


def value(tool, type, op, request=None, depth=None):
    for point in points:
        key = (point["tool"], point["type"], point["op"],
               point.get("request"), point.get("depth"))
        if key == (tool, type, op, request, depth):
            return point["value"]
    return None


def row(text, op, request=None, depth=None):
    cells = [cell(value(tool, type, op, request, depth), 1) for tool, type in columns]
    print(f"  {text:34}" + "".join(f"{cell:>11}" for cell in cells))


def name(point):
    names = [point["tool"], point["type"], point["op"]]
    names += [f"{point['request']} bytes, {point['depth']} at once"] if "request" in point else []
    return " ".join(names)


print()
print(f"Xen {result['xen']}; one processor for guest, dom0 and Xen, whose instructions")
print("are the clock (1 us is 1000).")
for key, text in result["configuration"].items():
    print(f"  {key}: {text}")
print()
print(f"  {'':34}{'echo':>11}{'echo':>11}{'Debian':>11}")
print(f"  {'':34}{'chaos PVH':>11}{'chaos PV':>11}{'xl PV':>11}")
row("TCP, dom0 to guest, MB/s", "tcp_to_guest")
row("TCP, guest to dom0, MB/s", "tcp_from_guest")
for protocol in "icmp", "udp":
    row(f"ping, {protocol.upper()}, shortest, us", f"ping_{protocol}_min")
    row(f"ping, {protocol.upper()}, median, us", f"ping_{protocol}_median")
print()
print(f"  {'':34}{'blkcheck':>11}{'blkcheck':>11}{'Debian':>11}")
print(f"  {'':34}{'chaos PVH':>11}{'chaos PV':>11}{'xl PV':>11}")
sizes = sorted({(p["request"], p["depth"]) for p in points if "request" in p})
for op in "write", "read":
    for request, depth in sizes:
        row(f"{op}, {request // 1024} KiB, {depth} at once, MB/s",
            f"disk_{op}", request, depth)
absent(points, name)
