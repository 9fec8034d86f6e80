"""Gates between jobs: an execution starts once another job has had a recent success. Pure."""
