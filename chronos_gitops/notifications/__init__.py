"""Who is told that something fails: once for each incident, again while it lasts, and once when it is over."""
