"""Times of other schedulers as schedules: sets of fields, calendar events of systemd, expressions of EventBridge."""
