"""What routes of every kind stand on: who may call, what is asked, how a fault is answered, what is watched.

It knows nothing of single routes; the interface for programs (`api`) and the pages (`web`) build on it side by side.
"""
