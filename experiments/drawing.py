"""A few charts as SVG, written by hand so that they need no package and come out the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

INK, GRID, PAPER = "#1f2937", "#e5e7eb", "#ffffff"
COLORS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce")  # flagged, fixed, further ones
Scale = Callable[[float], float]


@dataclass
class Picture:
    """Shapes on white paper."""

    width: int
    height: int = 0
    shapes: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, anchor: str = "start", size: int = 12, color: str = INK, weight: str = ""
    ) -> None:
        bold = f' font-weight="{weight}"' if weight else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{bold}>{escape(words)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = GRID, width: float = 1, dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width:g}"{dashed}/>'
        )

    def path(self, points: Sequence[tuple[float, float]], color: str, dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(f'<path d="M{joined(points)}" fill="none" stroke="{color}" stroke-width="2"{dashed}/>')

    def area(self, points: Sequence[tuple[float, float]], color: str) -> None:
        self.shapes.append(f'<path d="M{joined(points)}Z" fill="{color}" fill-opacity="0.15"/>')

    def dot(self, x: float, y: float, color: str, radius: float = 2.5, opacity: float = 0.45) -> None:
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}" fill-opacity="{opacity:g}"/>')

    def svg(self, title: str) -> str:
        """The whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" '
            f'font-family="system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif" role="img">'
        )
        paper = f'<rect width="{self.width}" height="{self.height}" rx="6" fill="{PAPER}" stroke="{GRID}"/>'
        return "\n".join([head, f"<title>{escape(title)}</title>", paper, *self.shapes, "</svg>"]) + "\n"


def joined(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (min(max(value, low), high) - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    inner = linear(math.log(low), math.log(high), start, end)
    return lambda value: inner(math.log(max(value, low)))


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two others."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return [step * number for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; the powers alone where that is too many."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
        if len(found) <= 6:
            break
    return found


def shown(value: float) -> str:
    """A tick's label."""
    return f"{value:g}" if abs(value) >= 1e-9 else "0"
