# SPDX-License-Identifier: MIT
"""The ratios as bars on a logarithmic axis, by hand-written SVG."""
import math
from html import escape

WIDTH, LEFT, RIGHT, ROW, TOP = 900, 420, 70, 26, 40


def svg(results):
    low = min([0.5] + [r["ratio"]["min"] for r in results]) * 0.9
    high = max([2.0] + [r["ratio"]["max"] for r in results]) * 1.1
    height = TOP + ROW * len(results) + 30

    def x(ratio):
        share = math.log(ratio / low) / math.log(high / low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           f'<text x="{LEFT}" y="18">times as fast as the peer: median, '
           'least and most; mark: what is wanted</text>']
    for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256):
        if low <= tick <= high:
            out.append(
                f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" '
                f'y2="{height - 22}" stroke="{"#000" if tick == 1 else "#ccc"}"'
                f'/><text x="{x(tick):.1f}" y="{height - 8}" '
                f'text-anchor="middle">{tick:g}</text>')
    for i, r in enumerate(results):
        y, ratio = TOP + i * ROW, r["ratio"]
        label = escape(f"{r['data']}: {r['ours']} : {r['peer']}")
        ends = sorted((x(1), x(ratio["median"])))
        out += [f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{label}'
                '</text>',
                f'<rect x="{ends[0]:.1f}" y="{y + 2}" '
                f'width="{ends[1] - ends[0]:.1f}" height="14" fill="'
                f'{"#4a90c2" if ratio["median"] >= 1 else "#c2604a"}"/>',
                f'<line x1="{x(ratio["min"]):.1f}" '
                f'x2="{x(ratio["max"]):.1f}" y1="{y + 9}" y2="{y + 9}" '
                'stroke="#222"/>',
                f'<text x="{x(max(ratio["max"], 1)) + 6:.1f}" y="{y + 13}">'
                f'{ratio["median"]:.2f}</text>']
        if r["goal"] and low <= r["goal"] <= high:
            out.append(f'<line x1="{x(r["goal"]):.1f}" x2="{x(r["goal"]):.1f}" '
                       f'y1="{y}" y2="{y + 18}" stroke="#d60" '
                       'stroke-width="2"/>')
    return "\n".join(out + ["</svg>"]) + "\n"
