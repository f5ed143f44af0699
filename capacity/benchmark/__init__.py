"""How fast roll-ups are: measured on a made-up fleet, against the fastest SQL that writes the same rows."""
