"""What the server tells of itself: logs, figures, health, alerts, traces.

Nothing here can hurt a request or a run: what goes out goes out in the background, within bounds, and is dropped when
nobody takes it.
"""
