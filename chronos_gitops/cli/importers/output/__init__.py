"""The file of an imported job: its name, and its fields below layers."""
