"""The worker: one function a job. What there is to do stands in the tables."""
