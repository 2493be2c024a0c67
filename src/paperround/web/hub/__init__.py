"""The Hugging Face hub's own JSON, so that its client works unmodified."""
