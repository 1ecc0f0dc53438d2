"""The members' web page: server-rendered, every flow without scripts. HTML lives only here."""
