# SPDX-License-Identifier: MIT
"""Prints the tables of build/bench/xenstore.json, and which targets are met."""
import json
import sys

from report import absent, cell, ratio, target, worst

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]


def value(tool, op, type=None, running=0, kernel="vmlinux", pool=False, kept=False):
    """The point's value, or None when it was not measured; pool=True: with
    whatever number of shells."""
    for point in points:
        key = (point["tool"], point["op"], point["type"], point["running"],
               point["kernel"], bool(point["pool"]), point["kept"])
        if key == (tool, op, type, running, kernel, pool, kept):
            return point["value"]
    return None


def name(point):
    names = [point["tool"], point["op"], point["type"], point["kernel"],
             "kept" if point["kept"] else "", f"{point['pool']} shells",
             f"{point['running']} running"]
    return ", ".join(str(name) for name in names if name)


def row(text, numbers, digits=1):
    print(f"  {text:42}" + "".join(f"{cell(n, digits):>10}" for n in numbers))


levels = sorted({p["running"] for p in points if p["running"]})
others = result["others"]
linux = next(p for p in points if p["kernel"] == "vmlinux")

print()
print(f"Xen {result['xen']}; times in virtual milliseconds (vms, one million")
print("instructions each).  The guest: Debian's kernel, unpacked beforehand, and busybox")
print(f"in an initramfs, {linux['memory_mib']} MiB, {linux['vcpus']} vCPU, 1 vif, 1 vbd.  The others"
      " that are running, made")
print(f"by the same tool: {others['kernel']}, {others['type'].upper()}, {others['memory_mib']} MiB,"
      f" {others['vifs']} vif, {others['vbds']} vbd.")
for type in "pvh", "pv":
    for op, text in ("create", "create behind a destroy, spawn to exit"), \
            ("create in a row", "create in a row, spawn to exit"), \
            ("up", "create, until the guest says it is up"), ("destroy", "destroy, spawn to exit"):
        xl = [value("xl", op, type, n) for n in levels]
        cold = [value("chaos", op, type, n) for n in levels]
        shells = [value("chaos", op, type, n, pool=True) for n in levels]
        what = "destroy" if op == "destroy" else "create"
        print()
        print(f"  {f'{type.upper()}, {text}':42}" + "".join(f"{f'{n}':>10}" for n in levels))
        row(f"xl {what}", xl)
        row(f"chaos {what}, cold" if what == "create" else "chaos destroy, guest made cold", cold)
        row("xl / chaos, cold", [ratio(x, c) for x, c in zip(xl, cold)], 2)
        if op == "create in a row":
            continue
        row(f"chaos {what}, from a shell" if what == "create"
            else "chaos destroy, guest made from a shell", shells)
        row("xl / chaos, from a shell", [ratio(x, c) for x, c in zip(xl, shells)], 2)

print()
print(f"  {f'{levels[0]} running, create, from spawn to exit':42}{'PVH':>10}{'PV':>10}")
for kernel, kept, text in (("vmlinux", False, "kernel unpacked by hand"),
                           ("vmlinuz", False, "compressed"),
                           ("vmlinuz", True, "compressed, and kept unpacked by chaos")):
    print(f"  {text}:")
    types = "pvh", "pv"
    if not kept:
        row("  xl create", [value("xl", "create", t, levels[0], kernel) for t in types])
    row("  chaos create, cold",
        [value("chaos", "create", t, levels[0], kernel, kept=kept) for t in types])
    if (kernel, kept) != ("vmlinuz", False):
        row("  chaos create, from a shell",
            [value("chaos", "create", t, levels[0], kernel, True, kept) for t in types])
row("chaos create of a noxs guest, noop, cold",
    [value("chaos", "create", t, levels[0], "noop") for t in ("pvh", "pv")])
row("An empty static process", [value("process", "spawn", kernel=None)], 2)

print()
print("Targets, create from spawn to exit, kernel unpacked by hand, the worst of all levels;")
print(f"growth is against {levels[0]} running:")
for type in "pvh", "pv":
    for op, pool, text in ("create", False, "cold, behind a destroy"), \
            ("create in a row", False, "cold, in a row"), ("create", True, "from a shell"):
        chaos = [value("chaos", op, type, n, pool=pool) for n in levels]
        ratios = [ratio(value("xl", op, type, n), c) for n, c in zip(levels, chaos)]
        growth = [ratio(c, chaos[0]) for c in chaos]
        target(f"{type.upper()}, {text}: xl / chaos at least 3",
               worst(min, ratios), lambda v: v >= 3)
        target(f"{type.upper()}, {text}: growth at most 1.10",
               worst(max, growth), lambda v: v <= 1.10, 3)
absent(points, name)
