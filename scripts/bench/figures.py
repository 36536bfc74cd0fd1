"""Figures of the scripts beside it: printed, held against the committed ones, and on request written down.

The table "Figures of the scripts" in docs/performance.md holds one row a figure. A script that measured one says how
many percent worse than the row it is, where that is more than ten; with `--record` it replaces the row. Ratios of one
run mean the same on any machine; what has a unit is held against a row of the same machine only.
"""
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/performance.md"
HEAD = "| figure | value | unit | script | machine | commit |"
RULE = "|---|---|---|---|---|---|"
ALLOWED = 0.10
RATIO = "times"


def machine():
    """The processor's model and how many of it there are."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if pathlib.Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()


def commit():
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def committed():
    """The rows of the table by figure."""
    lines = PAGE.read_text().splitlines()
    start = lines.index(HEAD) + 2
    rows = {}
    for line in lines[start:]:
        if not line.startswith("| "):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0]] = cells
    return rows


class Figures:
    """What one script measured. Less is better."""

    def __init__(self, script, is_recorded):
        self.script, self.is_recorded = script, is_recorded
        self.before, self.rows, self.worse = committed(), {}, []

    def add(self, name, value, unit=RATIO):
        shown = f"{value:,.2f}".replace(",", " ")
        self.rows[name] = [name, shown, unit, f"`{self.script}`", machine(), commit()]
        known = self.before.get(name)
        verdict = "no committed figure"
        if known and known[2] == unit and (unit == RATIO or known[4] == machine()):
            before = float(known[1].replace(" ", ""))
            change = value / before - 1 if before else 0
            verdict = f"{'worse' if change > 0 else 'better'} by {abs(change):.0%} against {known[1]} at {known[5]}"
            if change > ALLOWED:
                self.worse.append(f"{name}: {shown} {unit}, {verdict}")
        elif known:
            verdict = f"{known[1]} on another machine"
        print(f"{name:<60} {shown:>10} {unit:<8} {verdict}", flush=True)

    def end(self):
        """Writes the rows where that was asked for, and says each regression. Exit code 1 with one."""
        if self.is_recorded:
            rows = {**self.before, **self.rows}
            lines = PAGE.read_text().splitlines()
            start = lines.index(HEAD) + 2
            stop = next((number for number in range(start, len(lines)) if not lines[number].startswith("| ")), len(lines))
            lines[start:stop] = [f"| {' | '.join(rows[name])} |" for name in sorted(rows)]
            PAGE.write_text("\n".join(lines) + "\n")
        for one in self.worse:
            print(f"REGRESSION {one}", file=sys.stderr)
        return 1 if self.worse else 0


def add_option(parser):
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
