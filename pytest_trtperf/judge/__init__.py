"""From numbers to verdicts with words: budgets, comparison with a baseline, what else changed.

subject           what is measured, and what it is compared with
policy            what is tolerated, what becomes of what stays open, and what helps
limits            budgets of a test, looks at a growing measurement, and how a test fails
comparison        a measurement against its baseline: the decisions
comparison_words  their messages
attribution       what else changed since the baseline
verdict_records   a verdict as it is recorded
trend             what a series of nights says
"""
