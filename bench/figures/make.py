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

MEASURED = ("chaos", "commit", "xen", "xen_command_line", "scheduler", "linux", "qemu",
            "arguments", "lab")


def make(name, benches):
    bench, function = figures.FIGURES[name]
    path = benches / f"{bench}.json"
    figure = {"name": name, "bench": bench}
    if not path.exists():
        return figure | {"title": name, "series": [], "absent": [
            {"what": name, "reason": f"not measured: {figures.command(bench)} has not run"}]}
    result = json.loads(path.read_text())
    return figure | {"measured": {key: result[key] for key in MEASURED if key in result}} | \
        function(result)


def list_benches(names):
    for name in names:
        if name not in figures.FIGURES:
            sys.exit(f"no figure {name}; there are {', '.join(figures.FIGURES)}")
    benches = dict.fromkeys(figures.FIGURES[name][0] for name in names or figures.FIGURES)
    for bench in benches:
        print(figures.command(bench))


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
        if any(series["points"] for series in figure["series"]):
            draw.draw(figure, directory)
    made = [json.loads((directory / f"{name}.json").read_text()) for name in figures.FIGURES
            if (directory / f"{name}.json").exists()]
    report.write(made, directory)


main()
