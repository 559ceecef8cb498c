"""Who else is told of what happens, how it reaches them, and that an erasure does, too."""
