"""Pictures, videos and the report of what analyses found."""
