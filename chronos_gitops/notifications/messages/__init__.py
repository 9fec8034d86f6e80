"""Messages about one kind of incident each; all say since when, why, and what to do. Pure."""
