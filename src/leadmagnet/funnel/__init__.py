"""What a visitor may do: see what is offered, sign up, confirm, within limits."""
