"""The state of each expectation as a function of rows and time. Pure."""
