"""What the API's OpenAPI document says. Nothing here serves a request.

Our plain asynchronous views name a description from here; REST framework's describe themselves.
"""
