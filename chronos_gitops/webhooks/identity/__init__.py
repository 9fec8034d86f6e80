"""Identity tokens (TEAMS section 7): a signed JWT that tells a target which job calls it, at which reviewed commit."""
