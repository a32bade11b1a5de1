# SPDX-License-Identifier: MIT
"""Makes build/figures of the benches' points: a JSON, an SVG and a PNG for each
figure; and of these JSON files alone report.html and performance.md.

    make.py BENCHES FIGURES [NAME]...
    make.py --benches [NAME]...

The second form lists the commands that measure what they are made of.
NAMEs: only these are made anew.  A figure that was not measured says why.
"""
import json
import pathlib
import sys

import draw
import figures
import report

MEASURED = ("chaos", "commit", "xen", "xen_command_line", "scheduler", "linux", "qemu", "lab")


def results(bench, benches):
    """Of all runs that measured a part of it."""
    paths = sorted(benches.glob(f"{bench}-*.json")) + [benches / f"{bench}.json"]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def make(name, benches):
    bench, function = figures.FIGURES[name]
    figure = {"name": name, "bench": bench, "commands": figures.commands(bench)}
    found = results(bench, benches)
    if not found:
        return figure | {"title": name, "series": [], "absent": [
            {"what": name, "reason": "not measured in this run"}]}
    measured = {key: ", ".join(dict.fromkeys(str(one[key]) for one in found if key in one))
                for key in MEASURED if any(key in one for one in found)}
    points = {"points": [point for one in found for point in one["points"]]}
    return figure | {"measured": measured} | function(points)


def list_benches(names):
    for name in names:
        if name not in figures.FIGURES:
            sys.exit(f"no figure {name}; there are {', '.join(figures.FIGURES)}")
    benches = dict.fromkeys(figures.FIGURES[name][0] for name in names or figures.FIGURES)
    for bench in benches:
        print("\n".join(figures.commands(bench)))


def main():
    if sys.argv[1] == "--benches":
        list_benches(sys.argv[2:])
        return
    benches, directory, *names = sys.argv[1:]
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name in names or figures.FIGURES:
        figure = make(name, pathlib.Path(benches))
        (directory / f"{name}.json").write_text(json.dumps(figure, indent=1) + "\n")
        for old in (".gp", ".svg", ".png"):
            (directory / f"{name}{old}").unlink(missing_ok=True)
        if any(series["points"] for series in figure["series"]):
            draw.draw(figure, directory)
    made = [json.loads((directory / f"{name}.json").read_text()) for name in figures.FIGURES
            if (directory / f"{name}.json").exists()]
    report.write(made, directory)


main()
