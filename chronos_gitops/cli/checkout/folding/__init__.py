"""Jobs of one folder for each environment, folded into jobs with environments."""
