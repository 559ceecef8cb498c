"""Draws the page of `leadmagnet doctor` as a terminal shows it: page on stdin, SVG on stdout."""

from __future__ import annotations

import re
import sys
from html import escape

COLOURS = {"ok": "#7ec699", "warn": "#e5c07b", "fail": "#e06c75", "skipped": "#8b929e"}
CHARACTER, LINE, MARGIN = 8.45, 20, 24


def span(text: str, style: str = "") -> str:
    return f"<tspan {style}>{escape(text)}</tspan>" if style else escape(text)


def drawn(line: str) -> str:
    verdict = re.match(r"  (ok|warn|fail|skipped)\b", line)
    if verdict:
        word = verdict[0]
        return span(word, f'fill="{COLOURS[verdict[1]]}"') + span(line[len(word) :])
    if line and not line.startswith(" ") and "," not in line:
        return span(line, 'font-weight="bold"')
    before, fix, after = line.partition("fix:")
    return span(before) + (span(fix, 'font-weight="bold"') if fix else "") + span(after)


def picture(page: str) -> str:
    lines = ["$ leadmagnet doctor", *page.rstrip().splitlines()]
    width = round(max(map(len, lines)) * CHARACTER + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    texts = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 14}">{drawn(line)}</text>'
        for number, line in enumerate(lines)
        if line
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>text {{ white-space: pre }}</style>
<rect width="{width}" height="{height}" rx="10" fill="#1e2127"/>
<g font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14"
  fill="#d7dae0">
{texts}
</g>
</svg>
"""


if __name__ == "__main__":
    sys.stdout.write(picture(sys.stdin.read()))
