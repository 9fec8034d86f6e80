"""Operations of an operator: pauses, calls for many jobs, replays. Pure."""
