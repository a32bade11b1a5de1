# SPDX-License-Identifier: MIT
"""Prints the table of build/bench/create.json, and which targets are met."""
import json
import sys

with open(sys.argv[1]) as file:
    result = json.load(file)


def value(tool, op, type=None, running=None):
    """The point's value, or None when it was not measured."""
    for point in result["points"]:
        key = point["tool"], point["op"], point["type"], point["running"]
        if key == (tool, op, type, running):
            return point["value"]
    return None


def cell(number, digits=2):
    return "-" if number is None else f"{number:.{digits}f}"


def ratio(over, under):
    return None if over is None or not under else over / under


points = result["points"]
levels = sorted({p["running"] for p in points if p["running"] is not None})

print()
print(f"Xen {result['xen']}, guest noop, 4 MiB, no devices; times in virtual")
print("milliseconds (vms, one million instructions each), xl and chaos from spawn to")
print("exit, libchaos within a process; at so many guests already running.")
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
print(f"  An empty static process: {cell(value('process', 'spawn'))}")


def target(text, measured, met, digits=2):
    if measured is None:
        verdict, shown = "not measured", ""
    else:
        verdict, shown = ("met" if met(measured) else "NOT met"), cell(measured, digits)
    print(f"  {text:54}{shown:>8}  {verdict}")


def worst(pick, numbers):
    """One missing point, and nothing is said of all of them."""
    return pick(numbers) if numbers and None not in numbers else None


creates = [value("chaos", "create", "pvh", n) for n in levels]
ratios = [ratio(value("xl", "create", "pvh", n), value("chaos", "create", "pvh", n))
          for n in levels]
growth = ratio(value("chaos", "create", "pvh", 50), value("chaos", "create", "pvh", 1))
print()
print("Targets, PVH, the worst of all levels:")
target("create, cold, no device: at most 4.0 vms", worst(max, creates),
       lambda v: v <= 4.0)
target("the same: at least 12 times faster than xl", worst(min, ratios),
       lambda v: v >= 12, 1)
target("with 50 guests running, against 1: at most 1.05", growth,
       lambda v: v <= 1.05, 3)
