"""Training: settings, choices, the loop, and what a run leaves behind."""
