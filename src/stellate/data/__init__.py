"""Annotated folders and what training makes of them."""
