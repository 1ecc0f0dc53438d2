"""Use cases: what a person does, called by the page and the command line alike."""
