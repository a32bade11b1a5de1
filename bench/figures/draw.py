# SPDX-License-Identifier: MIT
"""Draws a figure with gnuplot: what it is told is kept beside the SVG and PNG."""
import subprocess

COLOURS = ("#c0392b", "#8e44ad", "#2980b9", "#16a085", "#d68910", "#2c3e50",
           "#7f8c8d", "#27ae60", "#e84393", "#6c5ce7", "#00a8a8", "#b8860b",
           "#556b2f", "#a0522d", "#1b4f72", "#f1948a", "#7dcea0", "#f7dc6f")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(name, lines):
    return [f"${name} << EOD", *lines, "EOD"]


def numbers(point):
    return " ".join(str(value) for value in (point["x"], point["y"]))


def lines(figure):
    """One line for each series, a mark for each point."""
    text, plots = [], []
    for i, series in enumerate(figure["series"]):
        text += block(f"s{i}", [numbers(point) for point in series["points"]])
        plots.append(f"$s{i} using 1:2 with linespoints linewidth 2 pointsize 0.7 "
                     f"pointtype 7 linecolor rgb '{COLOURS[i % len(COLOURS)]}' "
                     f"title {quoted(series['label'])}")
    scales = [f"set logscale {axis}" for axis in figure.get("log", "")]
    return text + scales + ["set key outside below horizontal",
                            "set yrange [0:*]" if "y" not in figure.get("log", "") else "",
                            "plot " + ", ".join(plots)]


def grid(figure, absent):
    """A row for each label, with a number for each series."""
    labels = figure["labels"]
    rows = []
    for label in labels:
        values = [next((str(point["y"]) for point in series["points"]
                        if point["x"] == label), absent)
                  for series in figure["series"]]
        rows.append(" ".join([quoted(label), *values]))
    return block("rows", rows)


def stacked(figure):
    plots = [f"$rows using {i + 2}:xtic(1) title {quoted(series['label'])} "
             f"linecolor rgb '{COLOURS[i % len(COLOURS)]}'"
             for i, series in enumerate(figure["series"])]
    # What is absent takes no room in a stack.
    return grid(figure, "0") + [
        "set style data histograms", "set style histogram rowstacked",
        "set style fill solid 0.9 noborder", "set boxwidth 0.6",
        "set xtics rotate by -20 scale 0", "set yrange [0:*]",
        "set key outside right top vertical reverse Left invert",
        "plot " + ", ".join(plots)]


def bars(figure):
    plots = [f"$rows using {i + 2}:xtic(1) title {quoted(series['label'])} "
             f"linecolor rgb '{COLOURS[i % len(COLOURS)]}'"
             for i, series in enumerate(figure["series"])]
    scales = [f"set logscale {axis}" for axis in figure.get("log", "")]
    return ["set datafile missing '?'"] + grid(figure, "?") + scales + [
        "set style data histograms", "set style histogram clustered gap 1",
        "set style fill solid 0.9 noborder", "set xtics rotate by -20 scale 0",
        "set key outside below horizontal",
        "set yrange [0:*]" if not scales else "",
        "plot " + ", ".join(plots)]


KINDS = {"lines": lines, "stacked": stacked, "bars": bars}


def draw(figure, directory):
    """Writes NAME.gp, NAME.svg and NAME.png; fails when gnuplot does."""
    base = directory / figure["name"]
    body = [
        f"set title {quoted(figure['title'])}",
        f"set xlabel {quoted(figure.get('xlabel', ''))}",
        f"set ylabel {quoted(figure['ylabel'])}",
        "set grid ytics linecolor rgb '#dddddd'", "set border 3", "set tics nomirror",
    ] + KINDS[figure["kind"]](figure)
    text = "\n".join(
        ["set terminal svg size 860,480 font 'sans,13' background '#ffffff'",
         f"set output {quoted(str(base) + '.svg')}", *body,
         "set terminal pngcairo size 1720,960 font 'sans,26' background '#ffffff'",
         f"set output {quoted(str(base) + '.png')}", "replot", ""])
    base.with_suffix(".gp").write_text(text)
    subprocess.run(["gnuplot", str(base.with_suffix(".gp"))], check=True)
