"""The results of benchmarks as a picture."""
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "benchmarks", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
import matplotlib.pyplot as pyplot  # noqa: E402

import report  # noqa: E402

SIDES = (("reference", "reference", "#b0b0b0"), ("fixed", "ours, chunks fixed", "#2a6f97"), ("defaults", "ours, defaults", "#61a5c2"))


def plain(axis, numbers=None):
    """A logarithmic axis with plain numbers at 1, 2 and 5, or at some numbers."""
    ticker = matplotlib.ticker
    axis.set_major_locator(ticker.FixedLocator(numbers) if numbers else ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))


def bars(axes, data, key, title):
    """Of every model one bar a side, on a logarithmic scale."""
    runs = report.values(data, "speed")
    if not runs:
        return axes.set_visible(False)
    for offset, (side, label, colour) in enumerate(SIDES):
        has = [(index, run[side][key]) for index, run in enumerate(runs.values()) if side in run]
        drawn = axes.bar([index + 0.27 * (offset - 1) for index, _ in has], [value for _, value in has], 0.25, color=colour, label=label)
        axes.bar_label(drawn, [f"{value:.2g}" for _, value in has], fontsize=7, padding=1)
    axes.set_yscale("log")
    plain(axes.yaxis)
    axes.set_xticks(range(len(runs)), [report.NAMES[name].replace(", ", "\n") for name in runs])
    axes.set_title(title, loc="left")
    axes.margins(y=0.15)


def lines(axes, data, part, x, y, title, label):
    """Of every model one line, on logarithmic scales."""
    models = report.values(data, part)
    if not models:
        return axes.set_visible(False)
    for name, rows in models.items():
        axes.plot([row[x] for row in rows], [row[y] for row in rows], marker="o", markersize=3, label=report.NAMES[name])
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain(axes.xaxis, sorted({row[x] for rows in models.values() for row in rows}))
    plain(axes.yaxis)
    axes.set_title(title, loc="left")
    axes.set_xlabel(label)
    axes.legend(frameon=False)


def draw(data, path):
    figure, ((factor, first), (sessions, texts)) = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    bars(factor, data, "rtf", "Real-time factor (below 1: faster than speech)")
    bars(first, data, "first", "First audio, s")
    factor.axhline(1, color="#c1121f", linewidth=0.8)
    if factor.containers:
        factor.legend(frameon=False)
    lines(sessions, data, "sessions", "sessions", "rtf", "Sessions at once: worst real-time factor", "sessions")
    sessions.axhline(1, color="#c1121f", linewidth=0.8)
    lines(texts, data, "texts", "characters", "first", "Text: first audio, s", "characters")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
