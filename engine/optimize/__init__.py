"""Search over the strategy's parameters, and the question whether its result is real."""
