"""What a changed job would have done in past days, computed from executions on record. Pure."""
