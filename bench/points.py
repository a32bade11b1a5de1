# SPDX-License-Identifier: MIT
"""Prints the points of a bench that has no table of its own: what all have in
common first, then a line for each."""
import json
import sys

from report import absent, cell

with open(sys.argv[1]) as file:
    result = json.load(file)
points = result["points"]
names = list(dict.fromkeys(name for point in points for name in point
                           if name not in ("value", "absent")))
common = [name for name in names
          if len({point.get(name) for point in points}) == 1 and len(points) > 1]
varying = [name for name in names if name not in common]


def words(point):
    return ", ".join(f"{name} {point[name]}" for name in varying if point.get(name) is not None)


print()
print(f"Xen {result['xen']}; unless a unit is named, in {result['unit']}:")
print("  all: " + ", ".join(f"{name} {points[0][name]}" for name in common))
for point in points:
    print(f"  {cell(point['value'], 3):>12}  {words(point)}")
absent(points, words)
