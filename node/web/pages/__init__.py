"""One file a feature: which addresses it answers, which use case each calls, which template it shows."""
