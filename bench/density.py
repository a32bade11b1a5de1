# SPDX-License-Identifier: MIT
"""Prints the tables of build/bench/density.json, and which targets are met."""
import json
import sys

from report import absent, cell, ratio, target

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]
kinds = list(dict.fromkeys((p["type"], p["memory_mib"], p["pool"]) for p in points))


def of(kind, **members):
    """The points of a kind that have these members, in order."""
    return [p for p in points if (p["type"], p["memory_mib"], p["pool"]) == kind
            and all(p.get(name) == value for name, value in members.items())]


def value(kind, **members):
    """The last such point's value, or None when it was not measured."""
    found = of(kind, **members)
    return found[-1]["value"] if found else None


def title(kind):
    return f"{kind[0].upper()}, {kind[1]} MiB" + (" shells" if kind[2] else "")


def reached(kind):
    """How many guests ran in the end."""
    memory = of(kind, tool="chaos", op="memory")
    return memory[-1]["running"] if memory else 0


def name(point):
    names = [point["tool"], point["op"], point.get("consumer"), point["type"],
             f"{point['memory_mib']} MiB", f"{point['pool']} shells",
             f"{point['running']} running"]
    return " ".join(str(name) for name in names if name)


def row(text, cells, digits=2):
    print(f"  {text:28}" + "".join(f"{cell(c, digits):>18}" for c in cells))


print()
print(f"Xen {result['xen']}; times in virtual milliseconds (vms, one million")
print("instructions each), xl and chaos from spawn to exit, libchaos within a process.")
print(f"Guest noop; up to {result['count']} of each kind, created one by one, all running.")
print(f"Xen's command line: {result['xen_command_line']}")

print()
print("Memory that a guest takes, KiB:")
print()
print(f"  {'':28}" + "".join(f"{title(kind):>18}" for kind in kinds))
print(f"  {'guests':28}" + "".join(f"{reached(kind):>18}" for kind in kinds))
for consumer, text in (("own", "its own"), ("pool", "paging pool"),
                       ("grants", "grant table"), ("xen", "Xen's other structures"),
                       ("host", "of the host, in all"), ("dom0", "of dom0's memory"),
                       ("registry", "of that, the registry")):
    row(text, [value(kind, tool="chaos", op="memory", consumer=consumer)
               for kind in kinds], 1)
for kind in kinds:
    for point in of(kind, tool="xl", op="memory", consumer="host"):
        dom0 = value(kind, tool="xl", op="memory", consumer="dom0")
        print(f"\n  xl, {title(kind)}, {point['running']} guests: of the host"
              f" {cell(point['value'], 1)}, of dom0's memory {cell(dom0, 1)}")

print()
print("Create, with so many guests running:")
print()
print(f"  {'':10}" + "".join(f"{title(kind):>24}" for kind in kinds))
print(f"  {'running':10}" + f"{'chaos':>13}{'libchaos':>11}" * len(kinds))
levels = sorted({p["running"] for p in points
                 if p["tool"] == "chaos" and p["op"] == "create"})
for level in levels:
    line = f"  {level:<10}"
    for kind in kinds:
        chaos = of(kind, tool="chaos", op="create", running=level)
        process = [p for p in of(kind, tool="libchaos", op="create")
                   if p["running"] == level + result["few"]]
        for found, width in (chaos, 13), (process, 11):
            line += f"{cell(found[0]['value']) if found else '':>{width}}"
    print(line)

print()
print("The other commands, with one guest and with all of them, for the last ones:")
print()
print(f"  {'':10}" + "".join(f"{title(kind):>24}" for kind in kinds))
print(f"  {'':10}" + "".join(f"{1:>13}{reached(kind):>11}" for kind in kinds))
for op in "list", "domid", "destroy":
    line = f"  {op:10}"
    for kind in kinds:
        line += f"{cell(value(kind, tool='chaos', op=op, running=1)):>13}"
        line += f"{cell(value(kind, tool='chaos', op=op, running=reached(kind))):>11}"
    print(line)

for kind in kinds:
    levels = list(dict.fromkeys(p["running"] for p in of(kind, tool="xl", op="create")))
    if not levels:
        continue
    print()
    print(f"xl, {title(kind)}:")
    print()
    print(f"  {'':10}" + "".join(f"{level:>13}" for level in levels))
    for op in "create", "list", "domid", "destroy":
        print(f"  {op:10}" + "".join(
            f"{cell(value(kind, tool='xl', op=op, running=level)):>13}"
            for level in levels))


def growth(kind, tool, op, first):
    """The last one's against the first one's."""
    found = of(kind, tool=tool, op=op)
    start = [p["value"] for p in found if p["running"] <= first]
    return ratio(found[-1]["value"], start[0]) if found and start else None


print()
print("Targets:")
for kind in kinds:
    print(f"  {title(kind)}")
    target("  guests at least", reached(kind), lambda v: v >= 12000, 0)
    for tool in "chaos", "libchaos":
        target(f"  create by {tool}, the last against the first: at most 1.08",
               growth(kind, tool, "create", result["few"]), lambda v: v <= 1.08, 3)
    target("  list with all: at most 150 vms", value(kind, tool="chaos", op="list"),
           lambda v: v <= 150)
    for op in "domid", "destroy":
        target(f"  {op} with all, against one: at most 1.03 (noise)",
               growth(kind, "chaos", op, 1), lambda v: v <= 1.03, 3)
absent(points, name)
