"""What README's figures come from, and what draws them."""
