"""Jobs from elsewhere: one module per source, bytes in, job files and what was lost out."""
