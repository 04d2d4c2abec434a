"""From numbers to verdicts with words: budgets, comparison with a baseline, what else changed."""
