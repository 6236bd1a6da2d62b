#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does what README's "add a probe" says: each code block that follows a line naming one file in bold becomes
that file, or, where that line says "add", is appended to it. Usage: extract.py README.md FOLDER"""
import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text()
section = re.search(r"^## Add a probe$(.*?)(?=^## )", text, re.M | re.S).group(1)
found = 0
for intro, path, code in re.findall(r"^([^\n]*\*\*`([^`]+)`\*\*[^\n]*)\n\n```\w*\n(.*?)^```$", section, re.M | re.S):
    file = pathlib.Path(sys.argv[2]) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a" if re.search(r"\badd\b", intro) else "x") as out:
        out.write(code)
    print(path)
    found += 1
sys.exit(0 if found else "no code in the guide")
