"""Everything `leadmagnet dev` runs on one machine instead of the services of production."""
