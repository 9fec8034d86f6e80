"""Backtest: the results that a changed job would have had in past days, computed from recorded executions. Pure."""
