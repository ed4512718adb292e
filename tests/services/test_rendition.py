"""A section on its way into another form: what is asked, and what becomes of replies of every kind."""
