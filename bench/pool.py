# SPDX-License-Identifier: MIT
"""Prints the tables of build/bench/pool.json, and which targets are met."""
import json
import sys

from report import absent, cell, ratio, target

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]
ALL = {"no device": (0, 0), "1 vif": (1, 0), "1 vif, 1 vbd": (1, 1)}


def value(tool, op, type=None, devices=(0, 0), **members):
    """The point's value, or None when it was not measured; pool=True: with
    whatever number of shells."""
    members = {"image": "noop", "registry": "noxs"} | members
    if "pool" in members:
        members["pool"] = bool(members["pool"])
    for point in points:
        key = (point["tool"], point["op"], point["type"], point["vifs"], point["vbds"])
        point = point | {"pool": bool(point["pool"])}
        if key == (tool, op, type, *devices) and all(
                point.get(name) == wanted for name, wanted in members.items()):
            return point["value"]
    return None


def name(point):
    names = [point["tool"], point["op"], point["image"], point["type"],
             f"{point['vifs']} vif", f"{point['vbds']} vbd",
             f"registry {point['registry']}" if point["registry"] else "",
             f"{point['pool']} shells", f"{point['running']} running"]
    return ", ".join(str(name) for name in names if name)


def xl(op, type, devices=(0, 0)):
    return value("xl", op, type, devices, registry="xenstore")


def shells(op, type, devices=(0, 0), **members):
    return value("chaos", op, type, devices, **{"pool": True, "refill": False} | members)


def usual(type, devices=(0, 0)):
    """A create as a user types it: it leaves the refill, and the work of ending
    its own process, to a child."""
    return shells("create", type, devices, refill=True)


def cold(op, type, devices=(0, 0), **members):
    return value("chaos", op, type, devices, pool=False, **members)


def row(text, numbers, digits=2):
    print(f"  {text:54}" + "".join(f"{cell(n, digits):>14}" for n in numbers))


process = value("process", "spawn", image="empty", registry=None)
crun = value("crun", "run", image="busybox", registry=None)
base = max(point["running"] for point in points)
full = max(point["pool"] for point in points)

print()
print(f"Xen {result['xen']}; times in virtual milliseconds (vms, one million")
print("instructions each), commands from spawn to exit, libchaos within a process.")
print(f"Guests of 4 MiB and one vCPU, {base} others without devices running, all made by")
print(f"the same tool; {full} shells ready before the first create, one fewer after each;")
print("in process as many as there are creates.")
for type in "pvh", "pv":
    print()
    print(f"  {type.upper() + ', image noop':54}" + "".join(f"{d:>14}" for d in ALL))
    row("xl create", [xl("create", type, d) for d in ALL.values()])
    row("chaos create, xenstore mode, cold",
        [cold("create", type, d, registry="xenstore") for d in ALL.values()])
    row("chaos create --no-refill, xenstore mode, from a shell",
        [shells("create", type, d, registry="xenstore") for d in ALL.values()])
    row("chaos create, cold", [cold("create", type, d) for d in ALL.values()])
    row("chaos create, from a shell; the pool refills", [usual(type, d) for d in ALL.values()])
    row("  the same with --no-refill: nothing is left",
        [shells("create", type, d) for d in ALL.values()])
    row("libchaos in process, from a shell",
        [value("libchaos", "create", type, d) for d in ALL.values()], 3)
    row("one shell, of a chaos pool fill of many",
        [value("chaos", "prepare", type, d) for d in ALL.values()])
    row("xl destroy", [xl("destroy", type, d) for d in ALL.values()])
    row("chaos destroy, guest made cold", [cold("destroy", type, d) for d in ALL.values()])
    row("chaos destroy, guest made from a shell",
        [shells("destroy", type, d) for d in ALL.values()])
    row("libchaos destroy in process, likewise",
        [value("libchaos", "destroy", type, d) for d in ALL.values()])
    row("xl create / chaos create, cold",
        [ratio(xl("create", type, d), cold("create", type, d)) for d in ALL.values()], 1)
    row("xl create / chaos create, from a shell",
        [ratio(xl("create", type, d), usual(type, d)) for d in ALL.values()], 1)
    row("chaos create, from a shell / an empty process",
        [ratio(usual(type, d), process) for d in ALL.values()])

print()
print(f"  {'Image daytime, 1 vif':54}{'PVH':>14}{'PV':>14}")
both = ("pvh", "pv")
row("chaos create, cold", [cold("create", t, (1, 0), image="daytime") for t in both])
row("chaos create --no-refill, from a shell",
    [shells("create", t, (1, 0), image="daytime") for t in both])
row("  until dom0 hears its first ARP packet",
    [shells("announced", t, (1, 0), image="daytime") for t in both])
row("  until it has answered its first packet",
    [shells("first_packet", t, (1, 0), image="daytime") for t in both])

print()
row("An empty static process, spawn to exit", [process])
row("crun run of busybox true", [crun])

for type in both:
    create, create_vif = usual(type), usual(type, (1, 0))
    print()
    print(f"Targets, {type.upper()}, from a shell, the pool refills:")
    target("create, no device: at most 1.8 vms", create, lambda v: v <= 1.8)
    target("  at least 25 times faster than xl", ratio(xl("create", type), create),
           lambda v: v >= 25, 1)
    target("create, 1 vif: at most 1.9 vms", create_vif, lambda v: v <= 1.9)
    target("  at least 45 times faster than xl",
           ratio(xl("create", type, (1, 0)), create_vif), lambda v: v >= 45, 1)
    target("libchaos in process, no device: at most 0.12 vms",
           value("libchaos", "create", type), lambda v: v <= 0.12, 3)
    target("daytime's first answer, 1 vif: at most 4 vms",
           shells("first_packet", type, (1, 0), image="daytime"), lambda v: v <= 4)
    target("destroy, no device: at most 2.5 vms", shells("destroy", type),
           lambda v: v <= 2.5)
absent(points, name)
