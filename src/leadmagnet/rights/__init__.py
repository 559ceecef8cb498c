"""What a person may ask of us, and what is deleted when its time is over."""
