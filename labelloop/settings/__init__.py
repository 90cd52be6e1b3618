"""What a project can set, validated, with every default in one place and a sentence for each key."""
