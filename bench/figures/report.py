# SPDX-License-Identifier: MIT
"""report.html and performance.md, of the figures' JSON alone."""
import html
import pathlib
import re

import figures

HERE = pathlib.Path(__file__).parent

SETTINGS = (
    ("chaos", "chaos"), ("commit", "commit"), ("xen", "Xen"),
    ("scheduler", "scheduler"),
    ("linux", "dom0's Linux"), ("qemu", "QEMU"), ("lab", "the lab's options"))


def shown(cell):
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 1 else f"{cell:.2f}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)


def is_measured(figure):
    return "measured" in figure


def was_drawn(figure):
    return any(series["points"] for series in figure["series"])


def settings(made):
    """What all were measured with; what differs is named with its figure."""
    common = {}
    for key, text in SETTINGS:
        values = {figure["measured"][key] for figure in made
                  if is_measured(figure) and key in figure["measured"]}
        if len(values) == 1:
            common[text] = values.pop()
    return common


def own_settings(figure, common):
    return {text: figure["measured"][key] for key, text in SETTINGS
            if key in figure["measured"] and text not in common}


# ------------------------------------------------------------------ markdown


def markdown_table(table):
    rows = [[shown(cell) for cell in row] for row in table["rows"]]
    lines = ["| " + " | ".join(map(str, table["columns"])) + " |",
             "| --- |" + " ---: |" * (len(table["columns"]) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown_figure(figure, common):
    parts = [f"### {figure['title'][0].upper()}{figure['title'][1:]}"]
    if is_measured(figure):
        own = "".join(f"; {text}: `{value}`" for text, value in own_settings(figure, common).items())
        commands = ", ".join(f"`{command}`" for command in figure["commands"])
        parts.append(f"{figure['caption']} Measured by {commands}{own}.")
    if was_drawn(figure):
        parts += [f"![{figure['title']}](figures/{figure['name']}.svg)",
                  markdown_table(figure["table"])]
    if figure["absent"]:
        parts.append("Absent:")
        parts.append("\n".join(f"- {one['what']}: {one['reason']}" for one in figure["absent"]))
    return "\n\n".join(parts)


def value_of(by_name, reference):
    """FIGURE/ROW/COLUMN, in a table."""
    name, row, column = reference.split("/")
    table = by_name[name]["table"]
    found = [line for line in table["rows"] if str(line[0]) == row]
    return shown(found[0][table["columns"].index(column)])


def fill(template, by_name):
    """{FIGURE/ROW/COLUMN} in prose; a sentence on what was not measured is left
    out with its paragraph, which must not say less than it says."""
    paragraphs = []
    for paragraph in template.split("\n\n"):
        try:
            paragraphs.append(re.sub(r"\{([^{}]+/[^{}]+/[^{}]+)\}",
                                     lambda found: value_of(by_name, found[1]), paragraph))
        except (KeyError, IndexError, ValueError):
            paragraphs.append("(Something that is told here was not measured in this run.)")
    return "\n\n".join(paragraphs)


def markdown(made):
    common = settings(made)
    by_name = {figure["name"]: figure for figure in made}
    text = fill((HERE / "performance.md.in").read_text(), by_name)
    versions = "\n".join(f"| {key} | `{value}` |" for key, value in common.items())
    return text.replace("@SETTINGS@", f"| measured with | |\n| --- | --- |\n{versions}") \
        .replace("@FIGURES@", "\n\n".join(markdown_figure(figure, common)
                                          for figure in made))


# ---------------------------------------------------------------------- HTML


def html_table(table):
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in table["columns"])
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(shown(cell))}</td>" for cell in row)
                   + "</tr>\n" for row in table["rows"])
    return f"<table><tr>{head}</tr>\n{rows}</table>"


def html_figure(figure, common):
    parts = [f"<h2 id=\"{figure['name']}\">{html.escape(figure['title'])}</h2>"]
    if is_measured(figure):
        own = "".join(f"; {text}: {value}" for text, value in own_settings(figure, common).items())
        commands = ", ".join(f"<code>{html.escape(command)}</code>"
                             for command in figure["commands"])
        parts.append(f"<p>{html.escape(figure['caption'])} Measured by "
                     f"{commands}{html.escape(own)}.</p>")
    if was_drawn(figure):
        parts += [f"<img alt=\"{html.escape(figure['title'])}\" src=\"{figure['name']}.svg\">",
                  html_table(figure["table"])]
    if figure["absent"]:
        parts.append("<p>Absent:</p><ul>" + "".join(
            f"<li>{html.escape(one['what'])}: {html.escape(one['reason'])}</li>"
            for one in figure["absent"]) + "</ul>")
    return "\n".join(parts)


def page(made):
    common = settings(made)
    versions = {"columns": ["measured with", ""], "rows": [list(item) for item in common.items()]}
    return "\n".join([
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>chaos: figures</title>",
        "<style>body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;"
        "padding:.2em .6em;text-align:right}td:first-child,th:first-child{text-align:left}"
        "img{max-width:100%;height:auto}</style>",
        "<h1>chaos: figures</h1>",
        "<p>Times are in virtual milliseconds (vms): one million instructions of an emulated "
        "machine with one processor. They are counts, not seconds: what the hardware would do "
        "in parallel, in caches or in its devices is not in them. docs/performance.md tells "
        "more.</p>",
        html_table(versions),
        *(html_figure(figure, common) for figure in made), "</html>", ""])


# ------------------------------------------------------------------ headline

HEADLINE = (("create", "no device"), ("create-vif", "one network interface"))
LEVELS = (1, 100, 1000)
CONFIGURED = [label for label, _ in figures.CONFIGURATIONS]


def times(row):
    """Against what xl takes, where it was measured."""
    xl, *others = row
    return [shown(xl)] + [shown(value) + (f" ({xl / value:.0f}×)" if xl and value else "")
                          for value in others]


def headline_rows(made):
    """Of the five configurations: among few guests, and as their number grows."""
    beside = {row[0]: row[1:] for row in made["yardsticks"]["table"]["rows"]} \
        if "yardsticks" in made and was_drawn(made["yardsticks"]) else {}
    for column, (name, devices) in enumerate(HEADLINE):
        figure = made.get(name)
        if beside:
            yield f"{devices}, few running", [beside[label][column] for label in CONFIGURED]
        for level, *values in figure["table"]["rows"] if figure and was_drawn(figure) else []:
            if level in LEVELS:
                yield f"{devices}, {level} running", values


def headline(made):
    """Of README.md: the first figure, and what xl takes against each of chaos's ways."""
    create = made.get("create")
    lines = [""]
    if create and was_drawn(create):
        lines += [f"![{create['title']}](docs/figures/create.svg)", ""]
    lines += ["| create, in million instructions | " + " | ".join(CONFIGURED) + " |",
              "| --- |" + " ---: |" * len(CONFIGURED)]
    lines += [f"| {what} | " + " | ".join(times(values)) + " |"
              for what, values in headline_rows(made)]
    return "\n".join(lines + [
        "", "In brackets: how many times as many xl takes; – was not measured.",
        "[docs/performance.md](docs/performance.md) has the other figures, and how all were "
        "measured.", "", ""])


def write(made, directory):
    (directory / "report.html").write_text(page(made))
    (directory / "performance.md").write_text(markdown(made))
