"""The JSON API of the Hugging Face hub, so that its client works unmodified."""
