# SPDX-License-Identifier: MIT
"""What the benches' tables share."""


def cell(number, digits=2):
    return "-" if number is None else f"{number:.{digits}f}"


def ratio(over, under):
    return None if over is None or not under else over / under


def worst(pick, numbers):
    """One missing point, and nothing is said of all of them."""
    return pick(numbers) if numbers and None not in numbers else None


def target(text, measured, met, digits=2):
    if measured is None:
        verdict, shown = "not measured", ""
    else:
        verdict, shown = ("met" if met(measured) else "NOT met"), cell(measured, digits)
    print(f"  {text:54}{shown:>8}  {verdict}")


def absent(points, name):
    """Lists the points without a value; name(point) says which one it is."""
    missing = [point for point in points if point["value"] is None]
    if missing:
        print("\nAbsent:")
    for point in missing:
        print(f"  {name(point)}: {point['absent']}")
