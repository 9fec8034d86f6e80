"""YAML 1.2 by the core schema, read strictly: text, scalars, the parser's words, its events."""
