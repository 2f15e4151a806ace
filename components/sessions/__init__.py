"""The saved sessions on screen: found and filtered, named, tagged, deleted and brought back, taken out and in.

Boundary: draws what `playground.store` keeps and changes it on request; runs nothing.
"""
