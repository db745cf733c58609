"""The report of a study: one page of tables and charts that needs nothing else."""
