# SPDX-License-Identifier: MIT
"""Compares two runs of a bench, point by point, and fails when chaos takes more
than it did.

    compare.py BASE NEW PERCENT
    compare.py --keep BASE NEW...

The second form keeps runs as a base for others, a line for each point, which is
the median of theirs.  Other versions of Xen, of dom0's kernel or of QEMU count
otherwise: between these ratios are shown, but nothing is judged.
"""
import json
import statistics
import sys

from report import absent, cell

PLATFORM = "xen", "linux", "qemu", "xen_command_line"
KEPT = ("schema", "bench", "arguments", "chaos", "commit", "lab", "unit") + PLATFORM
JUDGED = "chaos", "libchaos"
MORE_IS_BETTER = "MB/s",


def load(path):
    with open(path) as file:
        return json.load(file)


def key(point):
    return tuple(sorted((name, str(value)) for name, value in point.items()
                        if name not in ("value", "absent")))


def words(point):
    return ", ".join(str(value) if name in ("tool", "op", "image", "type", "guest", "registry")
                     else f"{name} {value}" for name, value in point.items()
                     if name not in ("value", "absent", "memory_mib", "vcpus", "unit")
                     and value not in (None, 0, False))


def middle(point, others):
    """The point with the median of its own value and those of other runs."""
    values = [point["value"]] + [other[key(point)]["value"] for other in others
                                 if key(point) in other]
    values = [value for value in values if value is not None]
    return dict(point, value=statistics.median_low(values)) if values else point


def keep(base, path, *more):
    result = load(path)
    others = [{key(point): point for point in load(other)["points"]} for other in more]
    result["points"] = [middle(point, others) for point in result["points"]]
    members = [f'"{name}": {json.dumps(result[name])}' for name in KEPT if name in result]
    points = [json.dumps(point) for point in result["points"]]
    with open(base, "w") as file:
        file.write("{" + ",\n ".join(members) + ',\n "points": [\n  ' + ",\n  ".join(points)
                   + "\n]}\n")


def verdict(before, now, unit, bound):
    """Of what is judged: a word, and whether it is a regression."""
    if before["value"] is None:
        return "new", False
    if now is None or now["value"] is None:
        return "GONE", True
    if not before["value"]:
        return "", False
    growth = now["value"] / before["value"] - 1
    if unit in MORE_IS_BETTER:
        growth = -growth
    if growth > bound:
        return "WORSE", True
    return ("better" if growth < -bound else ""), False


def compare(base, new, percent):
    differing = [name for name in PLATFORM if base.get(name) != new.get(name)]
    found = {key(point): point for point in new["points"]}
    worse = []
    print(f"\n  {'base':>10}{'now':>10}{'ratio':>8}")
    for before in base["points"]:
        now = found.pop(key(before), None)
        value = now["value"] if now else None
        ratio = value / before["value"] if value is not None and before["value"] else None
        word, is_worse = "", False
        if before["tool"] in JUDGED and not differing:
            word, is_worse = verdict(before, now, before.get("unit", base.get("unit")),
                                     percent / 100)
        if is_worse:
            worse.append(words(before))
        print(f"  {cell(before['value'], 3):>10}{cell(value, 3):>10}{cell(ratio, 3):>8}"
              f"  {words(before)}{'  ' + word if word else ''}")
    for point in found.values():
        print(f"  {'-':>10}{cell(point['value'], 3):>10}{'-':>8}  {words(point)}")
    absent(new["points"], words)
    print()
    for name in differing:
        print(f"{name}: {base.get(name)} then, {new.get(name)} now")
    if differing:
        print("That counts otherwise: nothing is judged. To keep the new numbers: "
              "make bench-base")
    elif worse:
        print(f"{len(worse)} of chaos's points are more than {percent} % worse:")
        print("\n".join(f"  {text}" for text in worse))
    else:
        print(f"No point of chaos's is more than {percent} % worse.")
    return 1 if worse else 0


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(*sys.argv[2:])
    else:
        sys.exit(compare(load(sys.argv[1]), load(sys.argv[2]), float(sys.argv[3])))
