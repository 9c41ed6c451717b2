"""A refit in words and rows: what its windows found, and the account over all their test spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from engine.wording import amount, ratio
from tui.figures import percent, share, tone
from tui.widgets.trials import value_text

if TYPE_CHECKING:
    from engine.optimize.reports import RefitReport

NO_VERDICT = "a refit has no verdict: each window is searched anew"
_LEAST_NAME = 24


def account_line(refit: RefitReport) -> Content:
    """`out of sample +3.20%   max drawdown 4.10%   sharpe 0.81   calmar 0.40`."""
    return Content.assemble(
        ("out of sample ", "$quiet"),
        (percent(refit.return_pct), f"bold {tone(refit.return_pct)}"),
        ("   max drawdown ", "$quiet"),
        (share(refit.drawdown_pct), "bold"),
        ("   sharpe ", "$quiet"),
        (ratio(refit.sharpe), "bold"),
        ("   calmar ", "$quiet"),
        (ratio(refit.calmar), "bold"),
    )


def refit_windows_text(refit: RefitReport) -> Content:
    """What each window's parameters made on the test span behind it."""
    lines = [
        Content.styled("each window's own parameters on the span behind its search", "$quiet"),
        Content(""),
        Content.styled(
            f"{'window, traded on':<29}{'trials':>6}  {'coin':<6}{'return':>10}",
            "underline $quiet",
        ),
    ]
    for number, window in enumerate(refit.windows, 1):
        first, end = (moment[:10] for moment in window.test)
        head = f"{f'{number}  {first} .. {end}':<29}{window.trials:>6}  "
        for pair, value in window.returns_pct.items():
            coin = pair.partition("/")[0]
            lines.append(
                Content.assemble(f"{head}{coin:<6}", (f"{percent(value):>10}", tone(value)))
            )
            head = f"{'':<37}"
    trials = sum(window.trials for window in refit.windows)
    total = (f"{percent(refit.return_pct):>10}", f"bold {tone(refit.return_pct)}")
    lines.append(Content.assemble(f"{'joined to one account':<29}{trials:>6}{'':<8}", total))
    if refit.equity:
        lines.append(Content.styled(f"It ends at {amount(refit.equity[-1])}.", "$quiet"))
    told = "All of it is out of sample: no parameter has seen the span that it traded."
    return Content("\n").join([*lines, Content(""), Content.styled(told, "$quiet")])


def refit_parameters_text(refit: RefitReport) -> Content:
    """A line a parameter: its default, and what each window chose."""
    from engine.params import STRATEGY_PARAMS

    names = list(refit.windows[0].params)
    width = max(_LEAST_NAME, *(len(name) + 2 for name in names))
    columns = "".join(f"{number:>9}" for number in range(1, len(refit.windows) + 1))
    lines = [Content.styled(f"{'':<{width}}{'default':>9}{columns}", "underline $quiet")]
    for name in names:
        chosen = "".join(f"{value_text(window.params[name]):>9}" for window in refit.windows)
        default = f"{value_text(STRATEGY_PARAMS[name]):>9}"
        lines.append(Content.assemble(f"{name:<{width}}", (default, "$quiet"), (chosen, "bold")))
    told = "What each window chose; the less a row moves, the more it can be relied upon."
    return Content("\n").join([*lines, Content(""), Content.styled(told, "$quiet")])
