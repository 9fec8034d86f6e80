"""What a job owes: the state of each expectation, and the guard of new versions."""
