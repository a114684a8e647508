"""What is believed of the clocks of other processes."""

from datetime import timedelta

MOST_APART = timedelta(minutes=1)
"""So far the clocks of replicas may be apart. What one says that is further ahead holds up nobody until then."""
