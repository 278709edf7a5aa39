"""Trainings of one model or of several: a run, cross-validation, and the search for a setting."""
