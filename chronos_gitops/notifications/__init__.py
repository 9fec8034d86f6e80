"""Notifications: one for each incident, reminders while it lasts, and one when it is over."""
