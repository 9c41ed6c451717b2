"""Dry runs: the real market, an account on paper."""

from exchange.dryrun.broker import DryRunBroker

__all__ = ["DryRunBroker"]
