"""The Hugging Face hub's Daily Papers API."""
