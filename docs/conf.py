"""Sphinx configuration."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "stellate"
author = "The stellate developers"
copyright = author  # noqa: A001 - Sphinx names it so
release = version = installed_version("stellate")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "pydata_sphinx_theme"
html_title = "stellate"
html_theme_options = {"show_prev_next": False}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
