# SPDX-License-Identifier: MIT
"""Puts the figures into the documentation: docs/performance.md with its
pictures, and what stands in README.md between the two marks.

    publish.py FIGURES
"""
import json
import pathlib
import re
import shutil
import sys

import figures
import report

BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def main():
    directory = pathlib.Path(sys.argv[1])
    pictures = pathlib.Path("docs/figures")
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir()
    for name in figures.FIGURES:
        svg = directory / f"{name}.svg"
        if svg.exists():
            shutil.copy(svg, pictures)
    shutil.copy(directory / "performance.md", "docs")
    made = {name: json.loads((directory / f"{name}.json").read_text())
            for name in figures.FIGURES if (directory / f"{name}.json").exists()}
    readme = pathlib.Path("README.md")
    text = readme.read_text()
    readme.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: BEGIN + report.headline(made) + END,
                             text, flags=re.DOTALL))


main()
