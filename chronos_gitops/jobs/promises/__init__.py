"""What a job owes: success, expectations, guard."""
