"""iCalendar (RFC 5545): content lines, and calendars written and read."""
