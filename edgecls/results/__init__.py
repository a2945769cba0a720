"""Questions asked of the results database.

`queries` for a shell and for the pages of `web`; `active_learning` for what goes back into training; `drift`; `merge`.
"""
