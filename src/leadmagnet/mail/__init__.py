"""How mail leaves, and what comes back."""
