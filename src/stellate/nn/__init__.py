"""Parts that networks share, and what makes them fast."""
