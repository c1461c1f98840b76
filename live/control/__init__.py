"""What a performer turns while the show runs: one table, and the ways to reach it."""
