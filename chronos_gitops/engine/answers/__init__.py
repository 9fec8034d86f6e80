"""What recorded executions say: why at a time, how versions fared. Pure."""
