"""A stand-in for Open Klant 2.18 (Klantinteracties API 0.9.0), made from observed responses.

Where the server and its OpenAPI document differ, this does as the server does.
"""
