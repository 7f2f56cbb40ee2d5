"""puller."""
