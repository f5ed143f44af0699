"""Schedules for people: what a row of django-celery-beat does and when, read, put into words and written."""
