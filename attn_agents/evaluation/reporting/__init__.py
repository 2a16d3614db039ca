"""Tables and figures of finished runs, beside the published scores."""
