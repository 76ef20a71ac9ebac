"""Draws the ratios of a run: a bar for each work, a mark where it should end."""

from pathlib import Path

from benchmarks.report import Row


def draw(rows: list[Row], file: Path) -> None:
    """Writes an SVG. Needs matplotlib, of the development extra."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "cacheferry"  # the same figures, the same file
    from matplotlib import pyplot

    shown = [row for row in rows if row.at_most is not None][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.36 * len(shown)))
    places = range(len(shown))
    colours = ["#2e9e6b" if row.ratio <= (row.at_most or 0) else "#c0504d" for row in shown]
    axes.barh(places, [row.ratio for row in shown], color=colours, height=0.6)
    aims = [row.at_most or 0 for row in shown]
    axes.plot(aims, places, "k|", markersize=14, label="aim: at most")
    axes.axvline(1, color="#888", linewidth=0.8, linestyle="--")
    axes.set_yticks(places, [f"{row.work}\nbeside {row.beside}" for row in shown], fontsize=7)
    axes.set_xscale("log")
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    axes.minorticks_off()
    axes.set_xlim(0.1, 8)
    axes.set_xlabel("time of cacheferry ÷ time of the other (logarithmic; left of 1 is faster)")
    axes.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
