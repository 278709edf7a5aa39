"""How results are scored against annotations."""
