"""A live run on the paper exchange: the same as the backtest, and whole whatever befalls it."""
