"""Two counterparts in step: plans, comparison, shrinking, transcripts."""
