"""Reading and changing the files of a checkout."""
