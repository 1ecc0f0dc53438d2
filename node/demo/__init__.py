"""`barnraise demo`: three neighborhoods as three processes, and a story played on their pages."""
