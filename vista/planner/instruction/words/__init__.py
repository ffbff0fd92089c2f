"""Words by meaning and spelling: data, and what brings a sentence into one spelling."""
