# SPDX-License-Identifier: MIT
"""Prints the tables of build/bench/create.json, and which targets are met."""
import json
import sys

from report import absent, cell, ratio, target, worst

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]


def value(tool, op, type=None, running=None, vifs=0, vbds=0):
    """The point's value, or None when it was not measured."""
    for point in points:
        key = (point["tool"], point["op"], point["type"], point["running"],
               point["vifs"], point["vbds"])
        if key == (tool, op, type, running, vifs, vbds):
            return point["value"]
    return None


def name(point):
    names = [point["tool"], point["op"], point["type"], f"{point['vifs']} vif",
             f"{point['vbds']} vbd", f"{point['running']} running"]
    return " ".join(str(name) for name in names)


levels = sorted({p["running"] for p in points if p["running"]})

print()
print(f"Xen {result['xen']}; times in virtual milliseconds (vms, one million")
print("instructions each), xl and chaos from spawn to exit, libchaos within a process.")
print("Nothing was prepared beforehand.")
print()
print("Guest noop, 4 MiB, no devices, at so many guests already running:")
for type in "pvh", "pv":
    print()
    print(f"  {type.upper():10}{'running':>8}{'xl':>10}{'chaos':>10}"
          f"{'ratio':>8}{'libchaos':>11}")
    for op in "create", "destroy", "list":
        for running in levels:
            xl = value("xl", op, type, running)
            chaos = value("chaos", op, type, running)
            libchaos = value("libchaos", op, type, running)
            if (xl, chaos, libchaos) == (None, None, None):
                continue
            print(f"  {op:10}{running:>8}{cell(xl):>10}{cell(chaos):>10}"
                  f"{cell(ratio(xl, chaos), 1):>8}"
                  f"{'' if op == 'list' else cell(libchaos):>11}")

print()
print("Guest daytime, 4 MiB, no other guest running:")
for type in "pvh", "pv":
    print()
    print(f"  {type.upper():28}{'xl':>10}{'chaos':>10}{'ratio':>8}")
    for op in "create", "destroy":
        for vifs, vbds, devices in (1, 0, "1 vif"), (0, 1, "1 vbd"), (1, 1, "1 vif, 1 vbd"):
            xl = value("xl", op, type, 0, vifs, vbds)
            chaos = value("chaos", op, type, 0, vifs, vbds)
            print(f"  {f'{op}, {devices}':28}{cell(xl):>10}{cell(chaos):>10}"
                  f"{cell(ratio(xl, chaos), 1):>8}")

print()
print("From the spawn of `chaos create` with one vif, guest daytime, until")
print()
print(f"  {'':58}{'PVH':>8}{'PV':>8}")
for op, vifs, text in (
        ("create", 1, "it returns"),
        ("announced", 1, "dom0's bridge hears the guest's first ARP packet"),
        ("first_packet", 1, "the reply to the echo request that is sent then is heard"),
        ("greeting", 1, "the end of the greeting on the TCP port connected to then"),
        ("up", 1, "`chaos create --wait` returns"),
        ("up", 0, "the same without a vif, guest noop")):
    cells = [cell(value("chaos", op, type, 0, vifs)) for type in ("pvh", "pv")]
    print(f"  {text:58}{cells[0]:>8}{cells[1]:>8}")
print()
print(f"  An empty static process: {cell(value('process', 'spawn'))}")

creates = [value("chaos", "create", "pvh", n) for n in levels]
ratios = [ratio(value("xl", "create", "pvh", n), value("chaos", "create", "pvh", n))
          for n in levels]
growth = ratio(value("chaos", "create", "pvh", 50), value("chaos", "create", "pvh", 1))
vif = ratio(value("xl", "create", "pvh", 0, 1), value("chaos", "create", "pvh", 0, 1))
print()
print("Targets, PVH, the worst of all levels:")
target("create, cold, no device: at most 4.0 vms", worst(max, creates),
       lambda v: v <= 4.0)
target("the same: at least 12 times faster than xl", worst(min, ratios),
       lambda v: v >= 12, 1)
target("with 50 guests running, against 1: at most 1.05", growth,
       lambda v: v <= 1.05, 3)
target("create, cold, 1 vif: at least 4 times faster than xl", vif,
       lambda v: v >= 4, 1)
absent(points, name)
