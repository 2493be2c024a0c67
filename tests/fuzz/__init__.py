"""Fuzzing: whatever comes from outside, in any shape, does what is documented and in bounded time."""
