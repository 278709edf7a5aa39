"""Using a model: channels, frames, size and tiles of an image, and what is written of the result."""
