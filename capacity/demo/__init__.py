"""A believable fleet to look at: made-up instances, databases and their history."""
